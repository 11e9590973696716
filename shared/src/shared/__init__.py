"""What every Quern service shares: contracts, states, and one door per driver."""
