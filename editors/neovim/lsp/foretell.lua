-- The configuration for `vim.lsp.enable('foretell')`; the plugin's own configuration extends it.
---@type vim.lsp.Config
return {
  cmd = { 'foretell', 'serve' },
}
