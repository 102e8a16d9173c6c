"""Tests of what runs on people's machines: real files, a real shell, real sockets."""
