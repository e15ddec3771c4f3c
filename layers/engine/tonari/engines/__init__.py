"""Adapters to what answers searches; the port is tonari.contract.engine."""
