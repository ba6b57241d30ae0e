"""The networks, as functional Keras models. Start in `build`: its table `BUILDERS` names every
network. Each network has a file of its own; `blocks` holds the pieces they share.
"""
