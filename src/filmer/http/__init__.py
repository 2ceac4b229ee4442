"""What any handler needs: strict parsing of bodies and queries, envelopes, failures, cookies."""
