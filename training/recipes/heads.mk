# The synthetic heads that recipes train on and choose by, and real single slices; those that are
# there are kept.
TRAIN_HEADS ?= 150
CHOOSE_HEADS ?= 24
PYTHON ?= .venv/bin/python

$(HEADS)/train/lesions.csv:
	$(METSEG) synthesize $(@D) --label-maps $(DATA)/labelmaps --count $(TRAIN_HEADS) --seed 13 --workers 2

$(HEADS)/choose/lesions.csv: | $(HEADS)/train/lesions.csv
	$(METSEG) synthesize $(@D) --label-maps $(DATA)/labelmaps --count $(CHOOSE_HEADS) --seed 21 --part choose --workers 2

# With their brains, which the shipped Attention U-Net outlines.
$(SLICES):
	$(PYTHON) -m training slices $@ --data $(DATA) --every 2
