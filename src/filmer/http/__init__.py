"""What HTTP needs and no domain owns: the edge, envelopes, strict parsing, the documents."""
