"""What people read says nothing that is not so."""
