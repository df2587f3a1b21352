# The short way in. Everything below is Meson; `make help` lists the verbs.
BUILD ?= build
.DEFAULT_GOAL := help

include tools/verbs.mk
