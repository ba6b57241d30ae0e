# One thing changed at a time, each run from nothing for the same minutes of one core:
# make -j2 -f training/recipes/ablations.mk
METSEG ?= .venv/bin/metseg
DATA ?= ../shared/data
RUNS ?= runs
HEADS ?= $(RUNS)/heads
OUT ?= $(RUNS)/ablations
MINUTES ?= 6
LOOKED_AT ?= 8
SLICES ?= $(RUNS)/slices/train.npz

RECIPES := plain seed_2 width_24 no_clahe tversky_0.6 small_weight_1 axial_only real_scans
SHARED = --set minutes=$(MINUTES) --set material.heads=$(HEADS)/train --set material.slices=$(SLICES) --set material.data=$(DATA) \
  --set validation.heads=$(HEADS)/choose --set validation.count=$(LOOKED_AT) --set validation.minutes=10000

# Gliomas and the brain of fold 0 are looked at; only real_scans trains on the other two thirds.
SET_plain = base_attention_unet
# How much of a difference is chance.
SET_seed_2 = base_attention_unet --set seed=2
SET_width_24 = base_attention_unet --set filters=[24,48,96,192,384]
SET_no_clahe = base_attention_unet --set clahe_clip=0
SET_tversky_0.6 = base_attention_unet --set miss_weight=0.6
SET_small_weight_1 = base_attention_unet --set mix.small_weight=1
SET_axial_only = base_attention_unet --set mix.sideways=0
SET_real_scans = base_attention_unet --set material.fold=0

.PHONY: all
all: $(RECIPES:%=$(OUT)/%/average.weights.h5)

include training/recipes/heads.mk

$(OUT)/%/average.weights.h5: | $(SLICES) $(HEADS)/train/lesions.csv $(HEADS)/choose/lesions.csv
	$(METSEG) train $(SET_$*) --out $(@D) $(SHARED)
