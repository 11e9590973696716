"""What tests on real servers share: servers on demand, databases, whole stacks."""
