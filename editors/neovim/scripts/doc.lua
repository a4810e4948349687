-- Generates doc/foretell.txt from the annotations of the code.
-- usage: nvim -l scripts/doc.lua [--check]
local root = vim.fs.dirname(vim.fs.dirname(vim.fn.fnamemodify(arg[0], ':p')))
local config = dofile(root .. '/lua/foretell/config.lua')

local HEAD = [[
*foretell.txt*  Ghost text from a code model on this machine

Suggestions appear in grey while you type, and <Tab> accepts them.
The server is the program `foretell`; your code never leaves the machine.

==============================================================================
SETUP                                                         *foretell-setup*

You need Neovim 0.10 or later and `foretell` in PATH. Then: >lua

    require('foretell').setup()
<
`:checkhealth foretell` reports what is missing, and `:Foretell setup` fetches
the runtime library and a model.

With |lazy.nvim|: >lua

    { dir = '/path/to/foretell/editors/neovim', opts = {} }
<
With |vim.pack| (Neovim 0.12), or any other way that puts `editors/neovim` on
the 'runtimepath': call `setup()` as above.

|vim.lsp.config()| can also set the server's command: >lua

    vim.lsp.config('foretell', { cmd = { '/opt/foretell', 'serve' } })
<
Without the plugin, Neovim 0.12 shows suggestions itself: >lua

    vim.lsp.enable('foretell')
    vim.lsp.inline_completion.enable()
<
This display is poorer, as is the setting `native`, which uses it with the
plugin's keys. It waits 200 ms after each key. A suggestion you contradict
stays behind what you type until the next response, so the line looks broken.
A suggestion does not grow while the model generates.

==============================================================================
DISPLAY                                                     *foretell-display*

The first line of a suggestion follows the cursor; the others are drawn below.
If they do not fit in the window, it scrolls, but keeps a quarter of its
height above the cursor. Lines that still do not fit are counted: "… +3
lines". While a completion menu is open, the lines below the cursor are hidden
(`hide_with_menu`).

Accepting inserts only what is visible. The rest stays and is drawn at the new
place. If no text is visible, as in a closed fold, each key works as without
a suggestion.

A suggestion stays if a bracket that you type from it is closed automatically;
accepting it replaces the closing bracket.

==============================================================================
NEXT EDIT                                                 *foretell-next-edit*

After you change one place, such as the name of a parameter, Foretell finds
the other places and offers one at a time: the old text is struck through, and
the new text follows it or, if it has several lines, is drawn below. If the
place is off-screen, a hint at the cursor names its line.

<Tab> jumps there, and <Tab> on that line applies the edit, as one undo step;
then the next place is offered. <Esc> in normal mode rejects an edit: it is
not offered again. An edit disappears as soon as the text changes.

In insert mode, an edit appears when you pause for 150 ms. A suggestion, a
completion menu and a snippet own <Tab> first. If no edit is shown, the keys
do what they did before; in normal mode, <Tab> is then |CTRL-I|.

A rename needs no model. The server's settings `next_edit.enabled` and
`next_edit.eagerness` decide which edits are offered.
]]

local COMMANDS = [[
==============================================================================
COMMANDS                                                           *:Foretell*

:Foretell                               Why nothing is shown.
:Foretell on | off | toggle [buffer]    Turn suggestions on or off.
:Foretell setup [model]                 Fetch the runtime library and a model.
:Foretell model                         Choose a model and fetch it.
:Foretell doctor                        Check everything, measure speed.
:Foretell health                        |:checkhealth| for Foretell.
:Foretell stats                         The statistics of this session.
:Foretell restart                       Restart the server.
:Foretell log                           The server's log.

`setup` passes further arguments to `foretell setup`, such as `--from DIR` for
a machine without network. It runs in a terminal; `q` closes it.

`vim.g.foretell = false` and `vim.b.foretell = false` turn it off too; with
`native`, only if they are set before the file is opened.
Highlight groups:
    *hl-ForetellGhost*       the suggestion, linked to |hl-Comment| by default
    *hl-ForetellMore*        the note "… +3 lines", linked to |hl-NonText|
    *hl-ForetellEditOld*     the text that an edit replaces: |hl-DiffDelete|
    *hl-ForetellEditStruck*  the line through this text
    *hl-ForetellEditNew*     the new text: |hl-DiffAdd|
    *hl-ForetellEditHint*    the line of an off-screen edit: |hl-Comment|

The event `User ForetellStatus` fires whenever the status changes.
]]

---@param title string
---@param tag string
local function heading(title, tag)
  local gap = (' '):rep(78 - #title - #tag - 2)
  return { ('='):rep(78), ('%s%s*%s*'):format(title, gap, tag), '' }
end

--- Wraps a text in indented lines.
---@param text string
---@return string[]
local function wrapped(text)
  local lines = { '   ' }
  for word in text:gmatch('%S+') do
    if #lines[#lines] + 1 + #word > 78 then
      lines[#lines + 1] = '   '
    end
    lines[#lines] = lines[#lines] .. ' ' .. word
  end
  return lines
end

--- Documents the fields of a class in config.lua, in source order, with their defaults.
---@param source string
---@param class string
---@param defaults table
local function fields(source, class, defaults)
  local lines = {}
  local body = source:match('%-%-%-@class ' .. vim.pesc(class) .. '\n(.-)\n\n')
  for line in vim.gsplit(body .. '\n', '\n', { trimempty = true }) do
    local name, rest = line:match('^%-%-%-@field ([%w_]+)%??%s+(.*)$')
    local type, text = rest:match('^(%S+)%s%s+(.*)$')
    if not type then
      type, text = rest:match('^(.-)%s%s+(.*)$')
    end
    local default = name == 'keys' and 'see |foretell-keys|' or vim.inspect(defaults[name])
    lines[#lines + 1] = ('%s  ~'):format(name)
    vim.list_extend(lines, wrapped(text))
    lines[#lines + 1] = ('    Type: %s. Default: %s'):format(type, default:gsub('\n%s*', ' '))
    lines[#lines + 1] = ''
  end
  return lines
end

--- Documents the public functions, in source order.
---@param source string
local function functions(source)
  local lines = {}
  for docs, name, args in source:gmatch('\n(%-%-%-[^\n]*\n[^\n]-.-)function M%.([%w_]+)%((.-)%)') do
    docs = docs:match('.*\n\n(.*)$') or docs
    local call = ("require('foretell').%s(%s)"):format(name, args)
    lines[#lines + 1] = call
      .. (' '):rep(math.max(2, 78 - #call - #name - 13))
      .. ('*foretell.%s()*'):format(name)
    for line in vim.gsplit(docs, '\n', { trimempty = true }) do
      local text = line:match('^%-%-%- ?([^@].*)$')
      if text then
        lines[#lines + 1] = '    ' .. text
      end
    end
    lines[#lines + 1] = ''
  end
  return lines
end

local function read(path)
  return table.concat(vim.fn.readfile(path), '\n') .. '\n'
end

local settings = read(root .. '/lua/foretell/config.lua')
local lines = vim.split(HEAD, '\n')
vim.list_extend(lines, heading('SETTINGS', 'foretell-settings'))
vim.list_extend(lines, fields(settings, 'foretell.Config', config.defaults))
vim.list_extend(lines, heading('KEYS', 'foretell-keys'))
vim.list_extend(lines, { 'In insert mode, unless another mode is named. `false` maps none.', '' })
vim.list_extend(lines, fields(settings, 'foretell.Keys', config.defaults.keys))
vim.list_extend(lines, vim.split(COMMANDS, '\n'))
vim.list_extend(lines, heading('FUNCTIONS', 'foretell-functions'))
vim.list_extend(lines, functions(read(root .. '/lua/foretell/init.lua')))
lines[#lines + 1] = 'vim:tw=78:ts=8:ft=help:norl:'

--- The tags are part of the repository, so that `:help` works without `:helptags`, also where the
--- folder is read-only. `:helptags` writes the same file again.
---@return string[]
local function tags()
  local found = {}
  for _, line in ipairs(lines) do
    -- A tag counts between white space only.
    for tag in (' ' .. line .. ' '):gmatch('%s%*([^%s*|]+)%*%f[%s]') do
      found[#found + 1] = ('%s\tforetell.txt\t/*%s*'):format(tag, tag)
    end
  end
  table.sort(found)
  return found
end

local is_check, is_current = vim.list_contains(arg, '--check'), true
for name, content in pairs({ ['foretell.txt'] = lines, tags = tags() }) do
  local path = root .. '/doc/' .. name
  if not is_check then
    vim.fn.mkdir(root .. '/doc', 'p')
    vim.fn.writefile(content, path)
  elseif vim.fn.filereadable(path) == 0 or not vim.deep_equal(vim.fn.readfile(path), content) then
    io.stderr:write(
      ('editors/neovim/doc/%s is out of date: run `nvim -l editors/neovim/scripts/doc.lua`\n'):format(
        name
      )
    )
    is_current = false
  end
end
os.exit(is_current and 0 or 1)
