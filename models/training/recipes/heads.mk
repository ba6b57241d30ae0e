# The synthetic heads that recipes train on and choose by; those that are there are kept.
TRAIN_HEADS ?= 150
CHOOSE_HEADS ?= 24

$(HEADS)/train/lesions.csv:
	$(METSEG) synthesize $(@D) --label-maps $(DATA)/labelmaps --count $(TRAIN_HEADS) --seed 13 --workers 2

$(HEADS)/choose/lesions.csv: | $(HEADS)/train/lesions.csv
	$(METSEG) synthesize $(@D) --label-maps $(DATA)/labelmaps --count $(CHOOSE_HEADS) --seed 21 --part choose --workers 2
