-- Unit tests of the Neovim plugin, without a server. usage: nvim -l logic.lua
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

test('first word includes leading whitespace', function()
  local words = { 'one two', '  one two', '\n    if x:', '(a, b)', '== 1', 'größe_2 x', '', '  ' }
  equal(
    vim.tbl_map(text.first_word, words),
    { 'one', '  one', '\n    if', '(', '==', 'größe_2', '', '  ' }
  )
end)

test('words concatenate to the text', function()
  local whole, parts = 'for i, x in pairs({ 1 }) do\n  größe = "" .. x\nend\n', {}
  local rest = whole
  while rest ~= '' do
    parts[#parts + 1] = text.first_word(rest)
    rest = rest:sub(#parts[#parts] + 1)
    assert(#parts < 100)
  end
  equal(table.concat(parts), whole)
end)

test('first line includes leading line breaks', function()
  equal(text.first_line('a b\nc'), 'a b')
  equal(text.first_line('\n\n  a b\nc'), '\n\n  a b')
  equal(text.first_line(''), '')
end)

test('length counts UTF-16 code units', function()
  equal(text.utf16_len('aß'), 2)
  equal(text.utf16_len('😀'), 2)
end)

test('position in any encoding is a byte of the line', function()
  local line = 'aß😀b'
  equal(text.byte_index(line, 3, 'utf-8'), 3)
  equal(text.byte_index(line, 4, 'utf-16'), 7)
  equal(text.byte_index(line, 3, 'utf-32'), 7)
  equal(text.byte_index(line, 99, 'utf-8'), #line)
  equal(text.byte_index(line, 99, 'utf-16'), #line)
end)

test('line wraps at the width', function()
  equal(text.wrapped('', 4), { '' })
  equal(text.wrapped('abcd', 4), { 'abcd' })
  equal(text.wrapped('ab漢字c', 4), { 'ab漢', '字c' })
end)

test('added and passed closing brackets are replaced', function()
  for _, case in ipairs({
    -- after, now, replaced at the request, remaining; replaced now
    { '', '', 0, 'x', 0 },
    { ')', ')', 1, 'x)', 1 },
    { 'ab', 'ab', 0, 'x', 0 },
    { 'ab', 'b', 0, 'x', nil },
    { ')', '', 1, ':', 0 },
    { ')', '', 0, ':', nil },
    { '', ')', 0, 'side):', 1 },
    { '', '")', 0, 'a", b)', 2 },
    { '', '")', 0, 'a), "b', 0 },
    { '', ')', 0, 'side', 0 },
    { ')', '))', 1, 'f(x))', 2 },
    { ';', ');', 0, 'x)', 1 },
    { ';', ');', 0, 'x', nil },
    { '', 'b', 0, 'x', nil },
  }) do
    local got = text.n_replaced_now(case[1], case[2], case[3], case[4])
    equal({ case, got }, { case, case[5] })
  end
end)

test('tabs expand to tab stops', function()
  equal(text.expand_tabs('\tx\ty', 0, 4), '    x   y')
  equal(text.expand_tabs('\tx', 2, 4), '  x')
  equal(text.expand_tabs('ß\tx', 0, 4), 'ß   x')
end)

test('unknown setting is reported', function()
  local ok, why = pcall(config.set, { hide_with_menus = true })
  equal(ok, false)
  assert(why:find('hide_with_menus', 1, true), why)
end)

test('settings merge into the defaults', function()
  config.set({ keys = { accept = '<C-y>' } })
  equal(config.current.keys.accept, '<C-y>')
  equal(config.current.keys.dismiss, config.defaults.keys.dismiss)
  equal(config.current.streaming, true)
end)

test('file type overrides the wildcard', function()
  local function covers(filetypes)
    config.set({ filetypes = filetypes })
    vim.bo.filetype = 'lua'
    return config.covers(0)
  end
  equal(covers({}), true)
  equal(covers({ lua = false }), false)
  equal(covers({ ['*'] = false }), false)
  equal(covers({ ['*'] = false, lua = true }), true)
end)

test('commands complete', function()
  vim.cmd.runtime('plugin/foretell.lua')
  equal(vim.fn.getcompletion('Foretell st', 'cmdline'), { 'stats', 'status' })
  equal(vim.fn.getcompletion('Foretell s', 'cmdline'), { 'setup', 'stats', 'status' })
  equal(vim.fn.getcompletion('Foretell off ', 'cmdline'), { 'buffer' })
  equal(vim.fn.getcompletion('Foretell log ', 'cmdline'), {})
end)

test('health level is the mark of the check', function()
  local reported = {}
  local health = vim.health
  vim.health = setmetatable({}, {
    __index = function(_, level)
      return function(message, advice)
        reported[#reported + 1] = { level, message, advice }
      end
    end,
  })
  for _, mark in ipairs({ 'good', 'attention', 'bad', 'skipped' }) do
    local check = { name = 'model', mark = mark, text = 'small', details = { 'a', 'b' } }
    check.to_do = mark == 'good' and vim.NIL or 'fetch it'
    require('foretell.health').report(check)
  end
  vim.health = health
  local message = 'model: small\na\nb'
  equal(reported, {
    { 'ok', message },
    { 'warn', message, { 'fetch it' } },
    { 'error', message, { 'fetch it' } },
    { 'info', message },
  })
end)

test('model is described in one line', function()
  local model = { name = 'a', title = 'A 1B', licence = 'MIT', note = '', bytes = 1260000000 }
  local describe = require('foretell.program').describe
  equal(describe(model), 'A 1B, MIT, 1.3 GB')
  model.is_here, model.bytes, model.note = true, nil, 'untested'
  equal(describe(model), 'A 1B, MIT, untested, installed')
  model.is_used = true
  equal(describe(model), 'A 1B, MIT, untested, in use')
end)

--- The line of a new buffer after typing keys in insert mode.
---@param typed string
---@return string
local function line_after(typed)
  vim.cmd.enew({ bang = true })
  vim.api.nvim_feedkeys(vim.keycode('i' .. typed .. '<Esc>'), 'tx', false)
  return vim.api.nvim_get_current_line()
end

test('key without a suggestion keeps its mapping', function()
  local function check(map, want)
    keys.map(false)
    vim.cmd(map)
    equal(line_after('a<Tab>b'), want)
    keys.map({ accept = '<Tab>' })
    equal(line_after('a<Tab>b'), want)
    keys.map(false)
    equal(line_after('a<Tab>b'), want)
  end
  vim.g.at = 1
  function _G.tab()
    return '<Tab>x'
  end
  vim.cmd([[inoremap <Plug>(one) 1]])
  vim.cmd([[inoremap x y]])
  check([[silent! iunmap <Tab>]], 'a\tb')
  check([[inoremap <Tab> x]], 'axb')
  check([[imap <Tab> x]], 'ayb')
  check([[imap <Tab> <Tab>x]], 'a\tyb')
  check([[inoremap <expr> <Tab> "x\<Tab>"]], 'ax\tb')
  check([[imap <silent><expr> <Tab> g:at == 1 ? '<Plug>(one)' : '<Tab>']], 'a1b')
  check([[imap <silent><expr> <Tab> g:at == 2 ? '<Plug>(one)' : '<Tab>']], 'a\tb')
  check([[imap <expr> <Tab> "\<Tab>x"]], 'a\tyb')
  check("function! s:f()\nreturn '\t'\nendfunction\nimap <expr> <Tab> <SID>f() .. 'x'", 'a\tyb')
  check([[lua vim.keymap.set('i', '<Tab>', _G.tab, { expr = true, remap = true })]], 'a\tyb')
  vim.cmd([[iunmap <Tab>]])
  vim.cmd([[iunmap x]])
end)

test('key in normal mode without an edit keeps its mapping', function()
  local function text_after(typed)
    vim.cmd.enew({ bang = true })
    vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'one', 'two', 'three' })
    vim.api.nvim_feedkeys(vim.keycode(typed), 'tx', false)
    return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), ' ')
  end
  for map, want in pairs({
    [ [[silent! nunmap <F5>]] ] = 'one two three',
    [ [[nnoremap <F5> x]] ] = 'e two three',
    [ [[nmap <F5> dd]] ] = 'three',
    [ [[nmap <expr> <F5> 'x']] ] = 'e two three',
  }) do
    vim.cmd(map)
    keys.map({ next_edit = '<F5>' })
    equal(text_after('2<F5>'), want)
    keys.map(false)
    equal(text_after('2<F5>'), want)
    vim.cmd([[silent! nunmap <F5>]])
  end
  config.set({ next_edit = false })
  keys.map({ next_edit = '<F5>' })
  equal(vim.fn.maparg('<F5>', 'n'), '')
  config.set()
end)

test('buffer mapping does not hide the global one', function()
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
    equal(line_after('a<Tab>b'), want)
    keys.map(false)
    equal(line_after('a<Tab>b'), want)
    vim.cmd([[iunmap <Tab>]])
  end
  vim.cmd([[iunmap x]])
end)

test('mapping to its own key does not recurse', function()
  for _, key in ipairs({ '<C-]>', '<M-x>', '<S-Tab>', '<C-b>' }) do
    keys.map(false)
    vim.cmd(('imap <expr> %s "\\%s"'):format(key, key))
    local want = line_after('a' .. key .. 'b')
    keys.map({ dismiss = key })
    equal(line_after('a' .. key .. 'b'), want)
    keys.map(false)
    vim.cmd.iunmap(key)
  end
end)

test('remapping restores the earlier keys', function()
  vim.cmd([[inoremap <Tab> tab]])
  vim.cmd([[inoremap <F5> five]])
  keys.map({ accept = '<Tab>', dismiss = '<F6>' })
  keys.map({ accept = '<F5>' })
  equal(line_after('<Tab><F5>'), 'tabfive')
  equal(vim.fn.maparg('<F6>', 'i'), '')
  keys.map({ accept = '<Tab>' })
  equal(line_after('<Tab><F5>'), 'tabfive')
  vim.cmd([[inoremap <Tab> mine]])
  keys.map(false)
  equal(line_after('<Tab><F5>'), 'minefive')
  vim.cmd([[iunmap <Tab>]])
  vim.cmd([[iunmap <F5>]])
end)

os.exit(n_failed == 0 and 0 or 1)
