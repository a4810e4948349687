-- An `init.lua` with only Foretell. The tests configure it through environment variables.
vim.g.loaded_python3_provider = 0
vim.o.swapfile, vim.o.shadafile, vim.o.termguicolors = false, 'NONE', true
vim.o.expandtab, vim.o.shiftwidth, vim.o.autoindent = true, 4, true
vim.o.laststatus, vim.o.ruler, vim.o.showcmd = 2, false, false
vim.o.statusline = " %t %m%=%{v:lua.require'foretell'.statusline()} "
vim.o.completeopt = 'menuone,noinsert'
vim.o.shortmess = vim.o.shortmess .. 'I'
vim.cmd.syntax('off')
vim.opt.runtimepath:prepend(vim.env.PLUGIN)
-- An earlier mapping of Tab, which must keep working without a suggestion.
vim.keymap.set('i', '<Tab>', '<Space><Space><Tab>')
require('foretell').setup(vim.json.decode(vim.env.FORETELL_SETUP))

-- For the tests: whether all requests have responses, and the number of updates.
local n_pending = 0
vim.api.nvim_create_autocmd('LspRequest', {
  callback = function(event)
    local request = event.data.request
    if request.method == 'textDocument/inlineCompletion' then
      n_pending = n_pending
        + (request.type == 'pending' and 1 or request.type == 'complete' and -1 or 0)
    end
  end,
})
function _G.answered()
  return n_pending == 0
end

_G.n_updates = 0
local on_update = require('foretell.server').on_update
require('foretell.server').on_update = function(...)
  _G.n_updates = _G.n_updates + 1
  on_update(...)
end
