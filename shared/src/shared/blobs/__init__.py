"""The originals of uploads: the port, and the store on a file system."""

from shared.blobs.filesystem import FilesystemBlobStore
from shared.blobs.port import (
    BlobEntry,
    BlobMissingError,
    BlobStore,
    BlobTooLargeError,
    BlobWriter,
    StoredBlob,
)

__all__ = [
    "BlobEntry",
    "BlobMissingError",
    "BlobStore",
    "BlobTooLargeError",
    "BlobWriter",
    "FilesystemBlobStore",
    "StoredBlob",
]
