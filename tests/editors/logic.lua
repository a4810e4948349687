-- The Neovim plugin's logic, without a server. usage: nvim -l logic.lua
local here = vim.fs.dirname(vim.fn.fnamemodify(arg[0], ':p'))
vim.opt.runtimepath:prepend(
  vim.fs.joinpath(vim.fs.dirname(vim.fs.dirname(here)), 'editors', 'neovim')
)
local config = require('foretell.config')
local text = require('foretell.text')

local n_failed = 0

---@param name string
---@param run fun()
local function test(name, run)
  local ok, why = xpcall(run, debug.traceback)
  n_failed = n_failed + (ok and 0 or 1)
  print(('%s %s%s'):format(ok and 'ok  ' or 'FAIL', name, ok and '' or '\n' .. why))
end

---@param got any
---@param want any
local function equal(got, want)
  if not vim.deep_equal(got, want) then
    error(('got %s, want %s'):format(vim.inspect(got), vim.inspect(want)), 2)
  end
end

test('a word is what is before it, and letters or signs', function()
  local words = { 'one two', '  one two', '\n    if x:', '(a, b)', '== 1', 'größe_2 x', '', '  ' }
  equal(
    vim.tbl_map(text.first_word, words),
    { 'one', '  one', '\n    if', '(', '==', 'größe_2', '', '  ' }
  )
end)

test('words put together are the text', function()
  local whole, parts = 'for i, x in pairs({ 1 }) do\n  größe = "" .. x\nend\n', {}
  local rest = whole
  while rest ~= '' do
    parts[#parts + 1] = text.first_word(rest)
    rest = rest:sub(#parts[#parts] + 1)
    assert(#parts < 100)
  end
  equal(table.concat(parts), whole)
end)

test('a line has the line breaks before it', function()
  equal(text.first_line('a b\nc'), 'a b')
  equal(text.first_line('\n\n  a b\nc'), '\n\n  a b')
  equal(text.first_line(''), '')
end)

test('a length is in UTF-16 code units', function()
  equal(text.utf16_len('aß'), 2)
  equal(text.utf16_len('😀'), 2)
end)

test('tabs are drawn to their stops', function()
  equal(text.expand_tabs('\tx\ty', 0, 4), '    x   y')
  equal(text.expand_tabs('\tx', 2, 4), '  x')
  equal(text.expand_tabs('ß\tx', 0, 4), 'ß   x')
end)

test('a setting that is none is named', function()
  local ok, why = pcall(config.set, { hide_with_menus = true })
  equal(ok, false)
  assert(why:find('hide_with_menus', 1, true), why)
end)

test('what is set lies over the defaults, key by key', function()
  config.set({ keys = { accept = '<C-y>' } })
  equal(config.current.keys.accept, '<C-y>')
  equal(config.current.keys.dismiss, config.defaults.keys.dismiss)
  equal(config.current.streaming, true)
end)

test('a file type is covered unless it, or every other one, is not', function()
  local covered = function(filetypes)
    config.set({ filetypes = filetypes })
    vim.bo.filetype = 'lua'
    return config.covers(0)
  end
  equal(covered({}), true)
  equal(covered({ lua = false }), false)
  equal(covered({ ['*'] = false }), false)
  equal(covered({ ['*'] = false, lua = true }), true)
end)

test('commands are completed', function()
  vim.cmd.runtime('plugin/foretell.lua')
  equal(vim.fn.getcompletion('Foretell st', 'cmdline'), { 'stats', 'status' })
  equal(vim.fn.getcompletion('Foretell off ', 'cmdline'), { 'buffer' })
  equal(vim.fn.getcompletion('Foretell log ', 'cmdline'), {})
end)

os.exit(n_failed == 0 and 0 or 1)
