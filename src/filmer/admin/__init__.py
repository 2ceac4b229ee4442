"""The office: what the shop's owner sees and decides."""
