# Tests of GPU providers; the root Makefile includes this file.
#
#   test-webgpu             test the WebGPU provider on a software driver, without a GPU
#   webgpu-default-model    generate 16 tokens with the default model there; minutes to hours
#   gpu-check               prepare the files that tests/gpu/check.sh needs on a machine with a GPU
#
# WEBGPU_DRIVER=FILE uses another Vulkan driver, for instance lavapipe:
#   make webgpu-default-model WEBGPU_DRIVER=/usr/share/vulkan/icd.d/lvp_icd.x86_64.json

.PHONY: test-webgpu test-webgpu-or-skip webgpu-default-model gpu-check

# The folder below is a data folder for the tests. The driver forwards to SwiftShader, which is part of
# the editor tests' Chromium.
WEBGPU := $(CURDIR)/target/webgpu
WEBGPU_DRIVER ?= $(WEBGPU)/driver.json
WEBGPU_TEST := FORETELL_HOME=$(WEBGPU) ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1 \
	LOST_DEVICE_DRIVER=$(CURDIR)/$(EDITORS)/chromium/libvk_swiftshader.so LOST_DEVICE_FILE=$(WEBGPU)/lost \
	cargo test --release --locked --quiet --test real -- --ignored --test-threads 1

test-webgpu: $(WEBGPU)/installed ## Test the WebGPU provider on a software driver, without a GPU
	@rm -f $(WEBGPU)/lost
	@VK_ICD_FILENAMES=$(WEBGPU_DRIVER) $(WEBGPU_TEST) webgpu --skip lost --skip default_model
	@VK_ICD_FILENAMES=$(WEBGPU)/driver.json $(WEBGPU_TEST) lost_device

webgpu-default-model: $(WEBGPU)/installed model ## Generate 16 tokens with the default model on WebGPU on a software driver (minutes to hours)
	@source=$$($(BIN)/foretell-models fetch $(MODEL)) && { test -e $(WEBGPU)/models/default/foretell.json || \
		$(BIN)/foretell-models import "$$source" --out $(WEBGPU)/models/default --target webgpu --quantization mixed; }
	@VK_ICD_FILENAMES=$(WEBGPU_DRIVER) FORETELL_WEBGPU_MODEL=$(WEBGPU)/models/default $(WEBGPU_TEST) default_model_generates --nocapture

test-webgpu-or-skip:
	@$(call or_skip,WebGPU,$(WEBGPU)/installed,test-webgpu)

$(WEBGPU)/installed: $(VENV)/installed $(EDITORS)/chromium/chrome tests/gpu/lost_device.c model-scripts/foretell_models/plugins.toml
	@echo "fetching the WebGPU plugin into target/webgpu"
	@mkdir -p $(WEBGPU)/models
	@FORETELL_HOME=$(WEBGPU) $(BIN)/foretell-models runtime --library webgpu
	@$(BIN)/foretell-models tiny --out $(WEBGPU)/models/tiny --quantization mixed
	@$(BIN)/foretell-models tiny --out $(WEBGPU)/models/tiny-w8a8 --quantization w8a8
	@cp $(EDITORS)/chromium/libvulkan.so.1 $(WEBGPU)/lib/
	@cc -shared -fPIC -Wall -Wextra -Werror -o $(WEBGPU)/lost_device.so tests/gpu/lost_device.c -ldl
	@echo '{"file_format_version": "1.0.0", "ICD": {"library_path": "./lost_device.so", "api_version": "1.0.5"}}' >$(WEBGPU)/driver.json
	@touch $@

gpu-check: build $(VENV)/installed ## Prepare the check for machines with a GPU, in target/gpu-check
	@tests/gpu/prepare.sh $(FORETELL) $(BIN)/foretell-models target/gpu-check
