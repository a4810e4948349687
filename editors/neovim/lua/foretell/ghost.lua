--- The suggestion on screen: requests it, keeps it while the user types into it, and accepts it.
local config = require('foretell.config')
local display = require('foretell.display')
local menu = require('foretell.menu')
local server = require('foretell.server')
local text = require('foretell.text')

local M = {}

local api = vim.api
local METHOD = 'textDocument/inlineCompletion'

---@class foretell.Request          One `textDocument/inlineCompletion` request.
---@field buf integer
---@field client_id integer
---@field tick integer              The buffer's changedtick.
---@field version integer           The document's version at the server.
---@field position lsp.Position     The cursor, as sent to the server.
---@field row integer               The cursor's row, 0-based.
---@field col integer               The cursor's column, in bytes, 0-based.
---@field after string              The text of the line after the cursor.
---@field invoked boolean           Whether the user's key made the request, not typing.

---@class foretell.Suggestion: foretell.Request
---@field items table[]             The candidates (lsp.InlineCompletionItem), at least one.
---@field index integer             The candidate on screen, 1-based.
---@field layout? foretell.Layout   Where it is drawn; nil while it is hidden.
---@field is_reported? boolean      Whether the server knows that this candidate was shown.

---@class foretell.GhostState       All that this module remembers between events.
---@field request? foretell.Request    The last request; nil once its response is unwanted.
---@field shown? foretell.Suggestion   The suggestion on screen, or hidden by a completion menu.
---@field seen string               The `snapshot()` at the last change; '' outside insert mode.
---@field note? string              A sentence about the last suggestion, for the user.
---@field is_dismissed boolean      Whether the user dismissed a suggestion since the last change.

---@type foretell.GhostState
local state = { request = nil, shown = nil, seen = '', is_dismissed = false }

---@return integer row, integer col
local function cursor()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

--- Identifies the cursor and the text of the buffer; equal snapshots mean that nothing changed.
---@return string
local function snapshot()
  local buf, row, col = api.nvim_get_current_buf(), cursor()
  local win, tick = api.nvim_get_current_win(), api.nvim_buf_get_changedtick(buf)
  return ('%d %d %d %d %d'):format(win, buf, tick, row, col)
end

local function in_insert_mode()
  return api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- An item's text with the line breaks of a buffer, which are LF: 'fileformat' covers CRLF.
---@param item table lsp.InlineCompletionItem
---@return string
local function insert_text(item)
  local given = type(item.insertText) == 'table' and item.insertText.value or item.insertText
  return (given:gsub('\r\n', '\n'))
end

--- How many bytes after the request's cursor a suggestion replaces: auto-closed brackets and quotes.
--- They are ASCII, so the count is the same in every position encoding.
---@param it foretell.Suggestion
---@return integer
local function n_replaced_bytes(it)
  local range = it.items[it.index].range
  if not range or range['end'].line ~= it.position.line then
    return 0
  end
  return math.min(math.max(range['end'].character - it.position.character, 0), #it.after)
end

--- The part of a suggestion that is not typed yet, and how many bytes after the cursor it replaces;
--- nil if it was typed completely or contradicted.
---@param it foretell.Suggestion
---@return string? remaining, integer n_replaced
local function untyped_text(it)
  local row, col = cursor()
  if api.nvim_get_current_buf() ~= it.buf or row < it.row or (row == it.row and col < it.col) then
    return nil, 0
  end
  local typed = table.concat(api.nvim_buf_get_text(it.buf, it.row, it.col, row, col, {}), '\n')
  local whole = insert_text(it.items[it.index])
  if #typed >= #whole or not vim.startswith(whole, typed) then
    return nil, 0
  end
  local remaining, after = whole:sub(#typed + 1), api.nvim_get_current_line():sub(col + 1)
  local n_replaced = text.n_replaced_now(it.after, after, n_replaced_bytes(it), remaining)
  return n_replaced and remaining, n_replaced or 0
end

--- How many lines of a suggestion may be shown: a menu covers or moves those below the cursor.
---@return integer n_lines 0 hides the suggestion
local function max_lines()
  local hides = config.current.hide_with_menu
  if not hides or not menu.is_open() then
    return math.huge
  end
  return hides == 'lines' and 1 or 0
end

--- Called after the suggestion was drawn or removed.
M.on_drawn = function() end

--- Removes the suggestion from the screen.
function M.clear()
  if state.shown then
    display.clear(state.shown.buf)
    state.shown = nil
    M.on_drawn()
  end
end

---@param it foretell.Suggestion
local function report_shown(it)
  local client = vim.lsp.get_client_by_id(it.client_id)
  if client and not it.is_reported then
    it.is_reported = true
    local item = it.items[it.index]
    server.call(client, 'notify', 'textDocument/didShowCompletion', { item = item })
  end
end

--- Draws the rest of the suggestion at the cursor, or removes it.
---@param may_scroll? boolean whether the window may scroll to show all lines; true by default
function M.refresh(may_scroll)
  local it = state.shown
  if not it then
    return
  end
  local remaining, n_replaced = untyped_text(it)
  local is_wanted = it.invoked or config.is_on(it.buf) -- may have changed since the request
  if not remaining or not is_wanted or not in_insert_mode() then
    M.clear()
    return
  end
  local n_lines = max_lines()
  if n_lines == 0 or (n_lines == 1 and vim.startswith(remaining, '\n')) then
    it.layout = nil
    display.clear(it.buf)
    state.note = 'The last suggestion was hidden by a completion menu (`hide_with_menu`).'
    return
  end
  local n_bytes_after = #api.nvim_get_current_line() - select(2, cursor())
  it.layout = display.draw(remaining, {
    is_overlay = n_replaced > 0 and n_replaced == n_bytes_after,
    max_lines = n_lines,
    may_scroll = may_scroll ~= false,
  })
  local is_visible = display.visible_part(remaining, it.layout) ~= nil
  state.note = is_visible and 'The last suggestion was shown.'
    or 'The last suggestion had no room in the window.'
  report_shown(it)
  M.on_drawn()
end

--- Draws the suggestion again after a completion menu has opened or closed.
function M.on_menu()
  M.refresh()
end

--- Whether the text and the cursor are still those of a request.
---@param request foretell.Request
---@return boolean
local function is_here(request)
  local row, col = cursor()
  return api.nvim_get_current_buf() == request.buf
    and api.nvim_buf_get_changedtick(request.buf) == request.tick
    and row == request.row
    and col == request.col
end

--- Shows the items of a response; an empty response clears the screen.
---@param request foretell.Request
---@param items table[]
local function show(request, items)
  if #items == 0 then
    state.note = nil
    M.clear()
    return
  end
  state.shown = vim.tbl_extend('force', request, { items = items, index = 1 })
  M.refresh()
end

--- Requests suggestions at the cursor.
---@param invoked boolean whether the user's key made the request, not typing
function M.request(invoked)
  local buf = api.nvim_get_current_buf()
  local client = server.client(buf)
  if not client or not in_insert_mode() then
    return
  end
  local row, col = cursor()
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = invoked and 1 or 2 }
  local request = { ---@type foretell.Request
    buf = buf,
    client_id = client.id,
    tick = api.nvim_buf_get_changedtick(buf),
    version = 0,
    position = params.position,
    row = row,
    col = col,
    after = api.nvim_get_current_line():sub(col + 1),
    invoked = invoked,
  }
  state.request = request
  server.call(client, 'request', METHOD, params, function(err, result)
    if state.request == request and not err and in_insert_mode() and is_here(request) then
      show(request, result and (result.items or result) or {})
    end
  end, buf)
  -- The client sends pending edits before a request, so this is the request's version.
  request.version = vim.lsp.util.buf_versions[buf]
end

--- Removes the suggestion, and requests none before the next key.
function M.wait_for_key()
  if in_insert_mode() then
    -- The events of the current key must not request one.
    state.request, state.seen, state.is_dismissed = nil, snapshot(), true
    M.clear()
  end
end

--- Requests suggestions at the cursor by the user's key.
---@return boolean
function M.trigger()
  -- A late event of the previous key must not supersede this request with an automatic one.
  state.seen, state.is_dismissed = snapshot(), false
  M.request(true)
  return true
end

--- Shows the next, longer text of the last request's suggestion.
---@param update table the params of `foretell/inlineCompletion/update`
---@param client_id integer
function M.on_update(update, client_id)
  local request = state.request
  if
    request
    and not state.is_dismissed
    and request.client_id == client_id
    and update.textDocument.uri == vim.uri_from_bufnr(request.buf)
    and update.textDocument.version == request.version
    and vim.deep_equal(update.position, request.position)
    and in_insert_mode()
    and is_here(request)
  then
    local is_reported = state.shown and state.shown.is_reported
    state.shown = vim.tbl_extend(
      'force',
      request,
      { items = { update.item }, index = 1, is_reported = is_reported }
    )
    M.refresh()
  end
end

--- Handles an edit or a cursor move: keeps a suggestion that still matches, and requests the next.
function M.on_change()
  if not in_insert_mode() then
    return -- after CTRL-O, InsertEnter fires before the mode changes
  end
  local now = snapshot()
  if now == state.seen then
    M.refresh() -- a completion menu may have opened or closed
    return
  end
  state.seen, state.is_dismissed = now, false
  M.refresh()
  if config.is_on(0) then
    M.request(false)
  end
end

--- Leaves insert mode: clears the screen and ignores a pending response.
function M.stop()
  state.request, state.seen, state.is_dismissed = nil, '', false
  M.clear()
end

--- Requests a suggestion in a buffer whose server has become ready, by the user's key if that made
--- the last request.
---@param buf integer
function M.on_ready(buf)
  local last = state.request
  local invoked = last ~= nil and last.invoked and is_here(last)
  local is_wanted = invoked or config.is_on(buf)
  if buf == api.nvim_get_current_buf() and is_wanted and not state.is_dismissed then
    M.request(invoked)
  end
end

--- The text that `accept()` would insert: the visible lines; nil if no text is visible.
---@return string?
function M.visible()
  local it = state.shown
  if not it or not it.layout or not in_insert_mode() then
    return nil
  end
  -- A menu may have opened since the suggestion was drawn.
  it.layout.max_lines = math.min(it.layout.max_lines, max_lines())
  local remaining = it.layout.max_lines > 0 and untyped_text(it)
  return remaining and display.visible_part(remaining, it.layout) or nil
end

--- A sentence about the last suggestion; nil if the last response was empty.
---@return string? sentence
function M.note()
  return state.note
end

--- Inserts the visible lines of the suggestion, or the first word or line, as one undo step.
---@param part? 'word'|'line'
---@return boolean accepted false if no suggestion is visible
function M.accept(part)
  local accepted, it = M.visible(), state.shown
  if not accepted or not it then
    return false
  end
  local remaining, n_replaced = untyped_text(it)
  if not remaining then
    return false
  end
  if part then
    accepted = part == 'word' and text.first_word(accepted) or text.first_line(accepted)
  end
  local row, col = cursor()
  local lines = vim.split(accepted, '\n', { plain = true })
  vim.go.undolevels = vim.go.undolevels -- closes the undo block: see :help undo-break
  local n_bytes = #accepted == #remaining and n_replaced or 0
  api.nvim_buf_set_text(it.buf, row, col, row, col + n_bytes, lines)
  api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and col or 0) + #lines[#lines] })
  vim.go.undolevels = vim.go.undolevels
  if vim.fn.pumvisible() == 1 then
    vim.fn.complete(vim.fn.col('.'), {}) -- closes the menu, whose items are for another text
  end

  local client, item = vim.lsp.get_client_by_id(it.client_id), it.items[it.index]
  if #accepted < #remaining then
    if client then
      local whole = insert_text(item)
      -- The length counts from the start of the item, so it includes what was typed before.
      local total = whole:sub(1, #whole - #remaining + #accepted)
      if vim.bo[it.buf].fileformat == 'dos' then
        total = total:gsub('\n', '\r\n')
      end
      local params = { item = item, acceptedLength = text.utf16_len(total) }
      server.call(client, 'notify', 'textDocument/didPartiallyAcceptCompletion', params)
    end
  else
    M.clear()
    if client and item.command then
      local params = { command = item.command.command, arguments = item.command.arguments }
      server.call(client, 'request', 'workspace/executeCommand', params, function() end, it.buf)
    end
  end
  M.on_change()
  return true
end

--- Shows the next or previous candidate that matches the typed text.
---@param step integer 1 or -1
---@return boolean
function M.cycle(step)
  local it = state.shown
  if not it or not M.visible() then
    return false
  end
  for _ = 1, #it.items - 1 do
    it.index = (it.index - 1 + step) % #it.items + 1
    if untyped_text(it) then
      break
    end
  end
  it.is_reported = nil
  M.refresh()
  return true
end

--- Dismisses the suggestion until the next key.
---@return boolean
function M.dismiss()
  if not M.visible() then
    return false
  end
  state.is_dismissed = true
  state.request = nil
  state.note = 'The last suggestion was dismissed.'
  M.clear()
  return true
end

return M
