"""The command line: a file per noun, thin over the rooms below."""
