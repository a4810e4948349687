--- The next edit: the server has found another place for the user's last change. It is shown until
--- its document changes. A key jumps to it, and then applies it.
local config = require('foretell.config')
local display = require('foretell.edit_display')
local menu = require('foretell.menu')
local server = require('foretell.server')
local suggestion = require('foretell.suggestion')
local text = require('foretell.text')

local M = {}

local api = vim.api
--- How long after the last change an edit appears at the earliest while the user types, in ms: each
--- key of a new name leads to another edit.
local PAUSE_MS = 150
--- How long an edit must have been shown before a key in normal mode rejects it, in ms: the user may
--- have pressed <Esc> again before seeing it.
local SEEN_MS = 300
local timer = assert(vim.uv.new_timer())

---@class foretell.Edit        An edit as the server sends it (docs/protocol.md).
---@field textDocument { uri: string, version: integer }
---@field range lsp.Range
---@field text string
---@field oldText string
---@field command lsp.Command  Accepts it; its arguments also reject it.

---@class foretell.Offer           An edit for the current text of a buffer.
---@field edit foretell.Edit
---@field buf integer
---@field client_id integer
---@field place foretell.EditPlace
---@field new string               The new text at this place.
---@field is_due boolean           Whether it may be shown.
---@field shown_at_ms? integer     When it was first shown, by `vim.uv.now()`.

---@class foretell.EditState
---@field offer? foretell.Offer
---@field applied_version? integer  The document's version after the last edit was applied.
---@field changed_at_ms? integer    When a buffer last changed, by `vim.uv.now()`.

---@type foretell.EditState
local state = {}

local function mode()
  return api.nvim_get_mode().mode:sub(1, 1)
end

--- The buffer of a document that a client has opened.
---@param client vim.lsp.Client
---@param uri string
---@return integer?
local function buffer(client, uri)
  for buf in pairs(client.attached_buffers) do
    if vim.uri_from_bufnr(buf) == uri then
      return buf
    end
  end
end

--- Where an edit applies, and its new text there; nil if its old text is not there.
---@param edit foretell.Edit
---@param buf integer
---@param encoding string of positions
---@return foretell.EditPlace? place, string new
local function find_place(edit, buf, encoding)
  local n_lines = api.nvim_buf_line_count(buf)
  local old, new = edit.oldText:gsub('\r\n', '\n'), edit.text:gsub('\r\n', '\n')
  local function locate(position)
    -- The server has an empty line after the last line break; the buffer has none.
    local is_end = position.line == n_lines
    local row = is_end and n_lines - 1 or position.line
    local line = api.nvim_buf_get_lines(buf, row, row + 1, false)[1]
    if line then
      return row, is_end and #line or text.byte_index(line, position.character, encoding)
    end
  end
  local row, col = locate(edit.range.start)
  local end_row, end_col = locate(edit.range['end'])
  if not row or not end_row then
    return nil, new
  elseif edit.range.start.line == n_lines then
    new = '\n' .. new:gsub('\n$', '')
  elseif edit.range['end'].line == n_lines then
    old, new = old:gsub('\n$', ''), new:gsub('\n$', '')
  end
  local found = api.nvim_buf_get_text(buf, row, col, end_row, end_col, {})
  if table.concat(found, '\n') ~= old then
    return nil, new
  end
  return { row = row, col = col, end_row = end_row, end_col = end_col }, new
end

--- Withdraws the edit from the screen.
function M.withdraw()
  timer:stop()
  if state.offer then
    display.clear(state.offer.buf)
  end
  state.offer = nil
end

--- Whether the cursor is at an edit: at its start, or on its line if that shows the edit.
---@param place foretell.EditPlace
---@return boolean
local function is_here(place)
  local cursor = api.nvim_win_get_cursor(0)
  local row, col = cursor[1] - 1, cursor[2]
  return row >= place.row
    and row <= place.end_row
    and (col == place.col or display.is_on_screen(place))
end

--- Whether a key would act on the edit: it is shown, and no menu, snippet or suggestion owns the key.
---@return boolean
function M.is_ready()
  local offer = state.offer
  return offer ~= nil
    and offer.is_due
    and offer.buf == api.nvim_get_current_buf()
    and (mode() == 'i' or mode() == 'n')
    and vim.bo.modifiable
    and not menu.is_open()
    and not menu.snippet_is_active()
    and not suggestion.is_visible()
end

--- Whether a key in normal mode would reject the edit.
---@return boolean
function M.is_seen()
  local offer = state.offer
  return M.is_ready()
    and offer ~= nil
    and offer.shown_at_ms ~= nil
    and vim.uv.now() - offer.shown_at_ms >= SEEN_MS
end

--- The hint for an edit that is not on screen: the key that jumps there, the line and the change.
---@param offer foretell.Offer
---@return string
local function hint(offer)
  local keys = config.current.keys
  local key = keys and (mode() == 'i' and keys.accept or mode() == 'n' and keys.next_edit)
  local label = not key and '→' or vim.keycode(key) == '\t' and '⇥' or key
  local line = ('%s line %d'):format(label, offer.place.row + 1)
  local old, new = offer.edit.oldText, offer.new
  if old == '' or new == '' or (old .. new):find('\n') then
    return line
  end
  return ('%s: %s → %s'):format(line, old, new)
end

---@param offer foretell.Offer
local function report_shown(offer)
  if not offer.shown_at_ms then
    offer.shown_at_ms = vim.uv.now()
    local client = vim.lsp.get_client_by_id(offer.client_id)
    if client then
      local params = { item = { command = offer.edit.command } }
      server.call(client, 'notify', 'textDocument/didShowInlineEdit', params)
    end
  end
end

--- Draws the edit in the current window.
function M.refresh()
  local offer = state.offer
  if not offer or offer.buf ~= api.nvim_get_current_buf() then
    return
  elseif not config.is_on(offer.buf) then -- may have been turned off since
    M.withdraw()
    return
  end
  if mode() == 'n' then
    offer.is_due = true
  end
  if not offer.is_due then
    return
  end
  local needs_hint = M.is_ready() and not display.is_on_screen(offer.place)
  display.draw(offer.place, offer.new, needs_hint and hint(offer) or nil)
  report_shown(offer)
end

--- Withdraws the edit as soon as its buffer changes.
---@param offer foretell.Offer
local function follow(offer)
  local function on_change()
    if state.offer == offer then
      M.withdraw()
    end
    return true -- detaches
  end
  api.nvim_buf_attach(offer.buf, false, {
    on_lines = on_change,
    on_reload = on_change,
    on_detach = on_change,
  })
end

--- Notes that the user has changed a text.
function M.on_change()
  state.changed_at_ms = vim.uv.now()
end

--- Shows the edit of `foretell/nextEdit`, while the user types after a pause.
---@param params { edits: foretell.Edit[] }
---@param client_id integer
function M.on_edits(params, client_id)
  M.withdraw()
  local edit, client = params.edits[1], vim.lsp.get_client_by_id(client_id)
  local buf = edit and client and buffer(client, edit.textDocument.uri)
  if not buf or not client or edit.textDocument.version ~= vim.lsp.util.buf_versions[buf] then
    return
  end
  local place, new = find_place(edit, buf, client.offset_encoding)
  if not place then
    return
  end
  local pause_ms = (state.changed_at_ms or vim.uv.now()) + PAUSE_MS - vim.uv.now()
  -- After an edit was applied, the next one appears at once; so does a judged one, which comes after
  -- a pause.
  local is_due = edit.textDocument.version == state.applied_version or pause_ms <= 0
  state.offer = {
    edit = edit,
    buf = buf,
    client_id = client_id,
    place = place,
    new = new,
    is_due = is_due,
  }
  follow(state.offer)
  timer:start(math.max(pause_ms, 0), 0, vim.schedule_wrap(M.on_pause))
  M.refresh()
end

--- Shows the edit after a pause.
function M.on_pause()
  if state.offer then
    state.offer.is_due = true
    M.refresh()
  end
end

---@param offer foretell.Offer
local function jump(offer)
  vim.cmd.mark("'")
  api.nvim_win_set_cursor(0, { offer.place.row + 1, offer.place.col })
  if vim.fn.foldclosed('.') ~= -1 then
    vim.cmd.foldopen({ bang = true })
  end
  display.scroll(offer.place, offer.new)
  suggestion.wait_for_key()
  M.refresh()
end

--- Runs a command of the server on an edit.
---@param offer foretell.Offer
---@param command string
local function run(offer, command)
  local client = vim.lsp.get_client_by_id(offer.client_id)
  if client then
    local params = { command = command, arguments = offer.edit.command.arguments }
    -- The client sends pending changes before a request.
    server.call(client, 'request', 'workspace/executeCommand', params, function() end, offer.buf)
  end
end

---@param offer foretell.Offer
local function apply(offer)
  local client = vim.lsp.get_client_by_id(offer.client_id)
  if not client then
    M.withdraw()
    return
  end
  local edit, place = offer.edit, offer.place
  local change = { range = edit.range, newText = edit.text } ---@type lsp.TextEdit
  if edit.range.start.line == api.nvim_buf_line_count(offer.buf) then
    -- `apply_text_edits()` would add an empty line.
    local encoding = client.offset_encoding
    local at = vim.lsp.util.character_offset(offer.buf, place.row, place.col, encoding)
    local position = { line = place.row, character = at }
    change = { range = { start = position, ['end'] = position }, newText = offer.new }
  end
  vim.go.undolevels = vim.go.undolevels -- closes the undo block: see :help undo-break
  vim.lsp.util.apply_text_edits({ change }, offer.buf, client.offset_encoding)
  local lines = vim.split(offer.new, '\n', { plain = true })
  local row = math.min(place.row + #lines, api.nvim_buf_line_count(offer.buf))
  local col = (#lines == 1 and place.col or 0) + #lines[#lines]
  -- In normal mode, the cursor is on the last character of the new text.
  col = mode() == 'n' and math.max(col - 1, 0) or col
  api.nvim_win_set_cursor(0, { row, col })
  vim.go.undolevels = vim.go.undolevels
  state.applied_version = vim.lsp.util.buf_versions[offer.buf]
  suggestion.wait_for_key()
  run(offer, edit.command.command)
end

--- Jumps to the edit, or applies it if the cursor is on its line.
---@return boolean done false if no key would act on an edit
function M.advance()
  local offer = state.offer
  if not offer or not M.is_ready() then
    return false
  end
  if is_here(offer.place) then
    apply(offer)
  else
    jump(offer)
  end
  return true
end

--- Rejects the edit: it is not offered again.
---@return boolean done false if no key would act on an edit
function M.reject()
  local offer = state.offer
  if not offer or not M.is_ready() then
    return false
  end
  M.withdraw()
  run(offer, 'foretell.rejectEdit')
  return true
end

return M
