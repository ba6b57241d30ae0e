"""Engines run the networks of an ensemble. Start in `choice`: `load_engines` picks the engine and
loads the members; `keras_engine` is the reference, `openvino_engine` the faster one on processors,
and `failures` turns what a backend raises into our own errors.
"""
