"""Tests of the clocks, one file per part of the rules."""
