# Tests of GPU providers; the root Makefile includes this file.
#
#   test-webgpu    test the WebGPU provider on a software driver, without a GPU
#   gpu-check      prepare the files that tests/gpu/check.sh needs on a machine with a GPU

.PHONY: test-webgpu test-webgpu-or-skip gpu-check

# The folder below is a data folder for the tests. The driver forwards to SwiftShader, which is part of
# the editor tests' Chromium.
WEBGPU := $(CURDIR)/target/webgpu
WEBGPU_TEST := FORETELL_HOME=$(WEBGPU) VK_ICD_FILENAMES=$(WEBGPU)/driver.json ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1 \
	LOST_DEVICE_DRIVER=$(CURDIR)/$(EDITORS)/chromium/libvk_swiftshader.so LOST_DEVICE_FILE=$(WEBGPU)/lost \
	cargo test --release --locked --quiet --test real -- --ignored --test-threads 1

test-webgpu: $(WEBGPU)/installed ## Test the WebGPU provider on a software driver, without a GPU
	@rm -f $(WEBGPU)/lost
	@$(WEBGPU_TEST) webgpu --skip lost
	@$(WEBGPU_TEST) lost_device

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
