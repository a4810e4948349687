--- Tells the server where the cursor is before the first key, so that it can prefill the prompt.
local config = require('foretell.config')
local server = require('foretell.server')

local M = {}

--- How long the cursor rests before its position is sent, in ms.
local REST_MS = 150
local timer = assert(vim.uv.new_timer())
local sent = '' -- the last position, as `place()` returns it

--- Where the user will probably type next: at the cursor in insert mode; otherwise at the end of
--- its line, where `A` and `o` insert, and `a` after the last character.
---@param client vim.lsp.Client
---@return lsp.TextDocumentPositionParams
local function position_params(client)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  if vim.api.nvim_get_mode().mode:sub(1, 1) ~= 'i' then
    local n_bytes = #vim.api.nvim_get_current_line()
    local line_idx, encoding = params.position.line, client.offset_encoding
    params.position.character = vim.lsp.util.character_offset(0, line_idx, n_bytes, encoding)
  end
  return params
end

---@param client vim.lsp.Client
---@param buf integer
---@param position lsp.Position
---@return string
local function place(client, buf, position)
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  return ('%d %d %d %d %d'):format(client.id, buf, tick, position.line, position.character)
end

--- Sends the cursor's position now, unless it is the last one sent.
function M.send()
  timer:stop()
  local buf = vim.api.nvim_get_current_buf()
  local client = server.client(buf)
  if not client or not config.is_on(buf) then
    return
  end
  local params = position_params(client)
  local now = place(client, buf, params.position)
  if now == sent then
    return
  end
  sent = now
  server.call(client, 'notify', 'textDocument/didFocus', params)
end

--- Sends the cursor's position in a buffer that is being entered: its cursor is not yet in place.
M.send_soon = vim.schedule_wrap(M.send)

--- Sends the cursor's position once the cursor has rested.
function M.send_at_rest()
  timer:start(REST_MS, 0, vim.schedule_wrap(M.send))
end

return M
