"""One file a version of the schema; they are only ever added to."""
