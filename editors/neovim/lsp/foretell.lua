-- For `vim.lsp.enable('foretell')` without the plugin, and the base of what the plugin starts.
---@type vim.lsp.Config
return {
  cmd = { 'foretell', 'serve' },
}
