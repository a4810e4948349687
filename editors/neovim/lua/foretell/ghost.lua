--- The suggestion on the screen: asked for, drawn as virtual text, kept while it is typed, taken.
local config = require('foretell.config')
local server = require('foretell.server')
local text = require('foretell.text')

local M = {}

local api = vim.api
local METHOD = 'textDocument/inlineCompletion'
local namespace = api.nvim_create_namespace('foretell')

---@class foretell.Request            Where and in which text a request was made.
---@field buf integer
---@field client_id integer
---@field tick integer             the buffer's changedtick
---@field version integer          the document's version at the server
---@field position lsp.Position    as it was sent
---@field row integer              of the cursor, 0 the first
---@field col integer              of the cursor, in bytes
---@field after string             the rest of the cursor's line
---@field invoked boolean          by the user's key, not by typing

---@class foretell.Suggestion: foretell.Request
---@field items table[]            lsp.InlineCompletionItem, one or more
---@field index integer            which one is shown
---@field told? boolean            the server knows that it was shown

---@class foretell.GhostState          All that this module remembers between events.
---@field request? foretell.Request     The last request; nil once its response is unwanted.
---@field shown? foretell.Suggestion    The suggestion on screen, or hidden by a completion menu.
---@field seen string                   The `snapshot()` of the last event; '' outside insert mode.
---@field is_dismissed boolean          Ignores updates; set by `dismiss()` until the next key.

---@type foretell.GhostState
local state = { request = nil, shown = nil, seen = '', is_dismissed = false }

---@return integer row, integer col
local function cursor()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

---@return string where the cursor and the text are
local function snapshot()
  local buf, row, col = api.nvim_get_current_buf(), cursor()
  return ('%d %d %d %d'):format(buf, api.nvim_buf_get_changedtick(buf), row, col)
end

local function in_insert_mode()
  return api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- An item's text as a buffer has it: a file with CRLF line breaks is told so by 'fileformat'.
---@param item table lsp.InlineCompletionItem
---@return string
local function text_of(item)
  local insert = type(item.insertText) == 'table' and item.insertText.value or item.insertText
  return (insert:gsub('\r\n', '\n'))
end

--- How much of the rest of the cursor's line a suggestion takes the place of: what was closed
--- there by itself. It is of ASCII, so a byte in every encoding.
---@param it foretell.Suggestion
---@return integer
local function n_replaced(it)
  local range = it.items[it.index].range
  if not range or range['end'].line ~= it.position.line then
    return 0
  end
  return math.min(math.max(range['end'].character - it.position.character, 0), #it.after)
end

--- What is left of a suggestion at the cursor: nil if something else was typed, or all of it.
---@param it foretell.Suggestion
---@return string?
local function rest(it)
  local row, col = cursor()
  if api.nvim_get_current_buf() ~= it.buf or row < it.row or (row == it.row and col < it.col) then
    return nil
  end
  local line = api.nvim_get_current_line()
  if line:sub(col + 1) ~= it.after then
    return nil
  end
  local typed = table.concat(api.nvim_buf_get_text(it.buf, it.row, it.col, row, col, {}), '\n')
  local whole = text_of(it.items[it.index])
  if #typed < #whole and vim.startswith(whole, typed) then
    return whole:sub(#typed + 1)
  end
end

local function menu_is_open()
  if vim.fn.pumvisible() == 1 then
    return true
  end
  local cmp, blink = package.loaded['cmp'], package.loaded['blink.cmp']
  return (cmp and cmp.visible and cmp.visible())
    or (blink and blink.is_menu_visible and blink.is_menu_visible())
    or false
end

---@param it foretell.Suggestion
---@param remaining string
local function draw(it, remaining)
  local row, col = cursor()
  local lines = vim.split(remaining, '\n', { plain = true })
  local tabstop = vim.bo[it.buf].tabstop
  local column = vim.fn.virtcol('.') - 1
  local chunks = {} ---@type [string, string][][]
  for i, line in ipairs(lines) do
    chunks[i] = { { text.expand_tabs(line, i == 1 and column or 0, tabstop), 'ForetellGhost' } }
  end
  api.nvim_buf_clear_namespace(it.buf, namespace, 0, -1)
  api.nvim_buf_set_extmark(it.buf, namespace, row, col, {
    virt_text = chunks[1],
    -- What it takes the place of is covered; text that stays is moved to the right.
    virt_text_pos = n_replaced(it) > 0 and n_replaced(it) == #it.after and 'overlay' or 'inline',
    virt_lines = #chunks > 1 and vim.list_slice(chunks, 2) or nil,
    hl_mode = 'combine',
  })
end

--- Takes the suggestion off the screen, and what is asked for with it.
function M.clear()
  if state.shown and api.nvim_buf_is_valid(state.shown.buf) then
    api.nvim_buf_clear_namespace(state.shown.buf, namespace, 0, -1)
  end
  state.shown = nil
end

--- Draws what is left of the suggestion at the cursor, or takes it off.
function M.refresh()
  local it = state.shown
  if not it then
    return
  end
  local wanted = it.invoked or config.is_on(it.buf) -- it may have been switched off since
  local remaining = wanted and in_insert_mode() and rest(it)
  if not remaining then
    M.clear()
  elseif config.current.hide_with_menu and menu_is_open() then
    api.nvim_buf_clear_namespace(it.buf, namespace, 0, -1)
  else
    draw(it, remaining)
    if not it.told then
      it.told = true
      local client = vim.lsp.get_client_by_id(it.client_id)
      if client then
        local item = it.items[it.index]
        server.call(client, 'notify', 'textDocument/didShowCompletion', { item = item })
      end
    end
  end
end

---@param place foretell.Request
---@return boolean
local function is_here(place)
  local row, col = cursor()
  return api.nvim_get_current_buf() == place.buf
    and api.nvim_buf_get_changedtick(place.buf) == place.tick
    and row == place.row
    and col == place.col
end

--- What is shown has the same text as `items` at the cursor: nothing is to be drawn again.
---@param place foretell.Request
---@param items table[]
local function show(place, items)
  if #items == 0 then
    M.clear()
    return
  end
  state.shown = vim.tbl_extend('force', place, { items = items, index = 1 }) --[[@as foretell.Suggestion]]
  M.refresh()
end

--- Asks for suggestions at the cursor.
---@param invoked boolean by the user's key, not by typing
function M.request(invoked)
  local buf = api.nvim_get_current_buf()
  local client = server.client(buf)
  if not client or not in_insert_mode() then
    return
  end
  local row, col = cursor()
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = invoked and 1 or 2 }
  local place = { ---@type foretell.Request
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
  state.request = place
  server.call(client, 'request', METHOD, params, function(err, result)
    if state.request == place and not err and in_insert_mode() and is_here(place) then
      show(place, result and (result.items or result) or {})
    end
  end, buf)
  -- The request has flushed the edits before it: this is the version that it was made in.
  place.version = vim.lsp.util.buf_versions[buf]
end

--- Asks for suggestions because the user wants one here.
---@return boolean
function M.trigger()
  state.seen, state.is_dismissed = snapshot(), false -- the event of the key before may still come
  M.request(true)
  return true
end

--- Takes in the next, longer text of the suggestion that was asked for last.
---@param update table the params of `foretell/inlineCompletion/update`
---@param client_id integer
function M.on_update(update, client_id)
  local place = state.request
  if
    place
    and not state.is_dismissed
    and place.client_id == client_id
    and update.textDocument.uri == vim.uri_from_bufnr(place.buf)
    and update.textDocument.version == place.version
    and vim.deep_equal(update.position, place.position)
    and in_insert_mode()
    and is_here(place)
  then
    local told = state.shown and state.shown.told
    state.shown =
      vim.tbl_extend('force', place, { items = { update.item }, index = 1, told = told })
    M.refresh()
  end
end

--- After an edit or a move of the cursor: keeps what still fits, and asks for what comes next.
function M.on_change()
  if not in_insert_mode() then
    return -- InsertEnter after CTRL-O comes before the mode
  end
  local now = snapshot()
  if now == state.seen then
    M.refresh() -- a menu has opened or closed
    return
  end
  state.seen, state.is_dismissed = now, false
  M.refresh()
  if config.is_on(0) then
    M.request(false)
  end
end

--- Out of insert mode: nothing is shown, and what still comes is not wanted.
function M.stop()
  state.request, state.seen = nil, ''
  M.clear()
end

--- The text that accepting would insert; nil if none is on the screen.
---@return string?
function M.visible()
  local it = state.shown
  if it and in_insert_mode() and not (config.current.hide_with_menu and menu_is_open()) then
    return rest(it)
  end
end

--- Inserts the suggestion, its first word or its first line. Undo takes back just that.
---@param part? 'word'|'line'
---@return boolean taken whether there was one
function M.accept(part)
  local remaining, it = M.visible(), state.shown
  if not remaining or not it then
    return false
  end
  local taken = remaining
  if part then
    taken = part == 'word' and text.first_word(remaining) or text.first_line(remaining)
  end
  local row, col = cursor()
  local lines = vim.split(taken, '\n', { plain = true })
  vim.go.undolevels = vim.go.undolevels -- closes the undo block: see :help undo-break
  local n = #taken == #remaining and n_replaced(it) or 0
  api.nvim_buf_set_text(it.buf, row, col, row, col + n, lines)
  api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and col or 0) + #lines[#lines] })
  vim.go.undolevels = vim.go.undolevels

  local client, item = vim.lsp.get_client_by_id(it.client_id), it.items[it.index]
  if #taken < #remaining then
    if client then
      local whole = text_of(item)
      local accepted = whole:sub(1, #whole - #remaining + #taken)
      if vim.bo[it.buf].fileformat == 'dos' then
        accepted = accepted:gsub('\n', '\r\n')
      end
      local params = { item = item, acceptedLength = text.utf16_len(accepted) }
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

--- Shows another one, where there are several.
---@param by integer
---@return boolean
function M.cycle(by)
  local it = state.shown
  if not it or not M.visible() then
    return false
  end
  for _ = 1, #it.items - 1 do
    it.index = (it.index - 1 + by) % #it.items + 1
    if rest(it) then
      break
    end
  end
  it.told = nil
  M.refresh()
  return true
end

--- Takes the suggestion off the screen until the next key.
---@return boolean
function M.dismiss()
  if not M.visible() then
    return false
  end
  state.is_dismissed = true
  state.request = nil
  M.clear()
  return true
end

return M
