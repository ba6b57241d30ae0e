# Base -> three folds -> final, for two networks: make -j2 -f training/recipes/crossvalidate.mk
# A finished run is not run again, and a killed one goes on.
METSEG ?= .venv/bin/metseg
DATA ?= ../shared/data
RUNS ?= runs
HEADS ?= $(RUNS)/heads
SET ?=
SLICES ?= $(RUNS)/slices/train.npz

NETWORKS := attention_unet unet_plus_plus
WEIGHTS := average.weights.h5
BASES := $(NETWORKS:%=$(RUNS)/base_%/$(WEIGHTS))
FOLDS := $(foreach fold,0 1 2,$(NETWORKS:%=$(RUNS)/fold$(fold)_%/$(WEIGHTS)))
FINALS := $(NETWORKS:%=$(RUNS)/final_%/$(WEIGHTS))
SHARED = --set material.heads=$(HEADS)/train --set material.slices=$(SLICES) --set validation.heads=$(HEADS)/choose $(SET)
REAL = $(SHARED) --set material.data=$(DATA) --set start=$(RUNS)/base_$*/$(WEIGHTS)

.PHONY: all
all: $(FOLDS) $(FINALS)

.SECONDARY: $(BASES) $(SLICES) $(HEADS)/train/lesions.csv $(HEADS)/choose/lesions.csv

include training/recipes/heads.mk

$(RUNS)/base_%/$(WEIGHTS): | $(SLICES) $(HEADS)/train/lesions.csv $(HEADS)/choose/lesions.csv
	$(METSEG) train base_$* --out $(@D) $(SHARED)

$(RUNS)/fold0_%/$(WEIGHTS): $(RUNS)/base_%/$(WEIGHTS)
	$(METSEG) train fold_$* --out $(@D) $(REAL) --set material.fold=0

$(RUNS)/fold1_%/$(WEIGHTS): $(RUNS)/base_%/$(WEIGHTS)
	$(METSEG) train fold_$* --out $(@D) $(REAL) --set material.fold=1

$(RUNS)/fold2_%/$(WEIGHTS): $(RUNS)/base_%/$(WEIGHTS)
	$(METSEG) train fold_$* --out $(@D) $(REAL) --set material.fold=2

$(RUNS)/final_%/$(WEIGHTS): $(RUNS)/base_%/$(WEIGHTS)
	$(METSEG) train final_$* --out $(@D) $(REAL)
