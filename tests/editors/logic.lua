-- The Neovim plugin's logic, without a server. usage: nvim -l logic.lua
local here = vim.fs.dirname(vim.fn.fnamemodify(arg[0], ':p'))
vim.opt.runtimepath:prepend(
  vim.fs.joinpath(vim.fs.dirname(vim.fs.dirname(here)), 'editors', 'neovim')
)
local config = require('foretell.config')
local keys = require('foretell.keys')
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

--- What is in a new buffer after typing `typed` in insert mode.
---@param typed string
local function after(typed)
  vim.cmd.enew({ bang = true })
  vim.api.nvim_feedkeys(vim.keycode('i' .. typed .. '<Esc>'), 'tx', false)
  return vim.api.nvim_get_current_line()
end

test('a key without a suggestion does what it did', function()
  local function mapped(map, want)
    keys.map(false)
    vim.cmd(map)
    equal(after('a<Tab>b'), want)
    keys.map({ accept = '<Tab>' })
    equal(after('a<Tab>b'), want)
    keys.map(false)
    equal(after('a<Tab>b'), want)
  end
  vim.g.at = 1
  function _G.tab()
    return '<Tab>x'
  end
  vim.cmd([[inoremap <Plug>(one) 1]])
  vim.cmd([[inoremap x y]])
  mapped([[silent! iunmap <Tab>]], 'a\tb')
  mapped([[inoremap <Tab> x]], 'axb')
  mapped([[imap <Tab> x]], 'ayb')
  mapped([[imap <Tab> <Tab>x]], 'a\tyb')
  mapped([[inoremap <expr> <Tab> "x\<Tab>"]], 'ax\tb')
  mapped([[imap <silent><expr> <Tab> g:at == 1 ? '<Plug>(one)' : '<Tab>']], 'a1b')
  mapped([[imap <silent><expr> <Tab> g:at == 2 ? '<Plug>(one)' : '<Tab>']], 'a\tb')
  mapped([[imap <expr> <Tab> "\<Tab>x"]], 'a\tyb')
  mapped("function! s:f()\nreturn '\t'\nendfunction\nimap <expr> <Tab> <SID>f() .. 'x'", 'a\tyb')
  mapped([[lua vim.keymap.set('i', '<Tab>', _G.tab, { expr = true, remap = true })]], 'a\tyb')
  vim.cmd([[iunmap <Tab>]])
  vim.cmd([[iunmap x]])
end)

test("a key of the buffer's own hides the one for all buffers from nobody", function()
  function _G.tab()
    return '<Tab>x'
  end
  vim.cmd([[inoremap x y]])
  for map, want in pairs({
    [ [[inoremap <Tab> x]] ] = 'axb',
    [ [[imap <Tab> <Tab>x]] ] = 'a\tyb',
    [ [[inoremap <expr> <Tab> "x\<Tab>"]] ] = 'ax\tb',
    ["function! s:f()\nreturn '\t'\nendfunction\nimap <expr> <Tab> <SID>f() .. 'x'"] = 'a\tyb',
    [ [[lua vim.keymap.set('i', '<Tab>', _G.tab, { expr = true, remap = true })]] ] = 'a\tyb',
  }) do
    vim.cmd.enew({ bang = true })
    vim.cmd(map)
    vim.cmd([[inoremap <buffer> <Tab> own]])
    keys.map({ accept = '<Tab>' })
    equal(vim.fn.maparg('<Tab>', 'i'), 'own')
    equal(after('a<Tab>b'), want)
    keys.map(false)
    equal(after('a<Tab>b'), want)
    vim.cmd([[iunmap <Tab>]])
  end
  vim.cmd([[iunmap x]])
end)

test('a key with a modifier that gives itself is not mapped again', function()
  for _, key in ipairs({ '<C-]>', '<M-x>', '<S-Tab>', '<C-b>' }) do
    keys.map(false)
    vim.cmd(('imap <expr> %s "\\%s"'):format(key, key))
    local alone = after('a' .. key .. 'b')
    keys.map({ dismiss = key })
    equal(after('a' .. key .. 'b'), alone)
    keys.map(false)
    vim.cmd.iunmap(key)
  end
end)

test('keys that are set anew leave the old ones as they were', function()
  vim.cmd([[inoremap <Tab> tab]])
  vim.cmd([[inoremap <F5> five]])
  keys.map({ accept = '<Tab>', dismiss = '<F6>' })
  keys.map({ accept = '<F5>' })
  equal(after('<Tab><F5>'), 'tabfive')
  equal(vim.fn.maparg('<F6>', 'i'), '')
  keys.map({ accept = '<Tab>' })
  equal(after('<Tab><F5>'), 'tabfive')
  vim.cmd([[inoremap <Tab> mine]])
  keys.map(false)
  equal(after('<Tab><F5>'), 'minefive')
  vim.cmd([[iunmap <Tab>]])
  vim.cmd([[iunmap <F5>]])
end)

os.exit(n_failed == 0 and 0 or 1)
