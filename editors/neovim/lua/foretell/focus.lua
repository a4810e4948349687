--- Tells the server where the cursor is before the first key, so that it can prefill the prompt.
local config = require('foretell.config')
local server = require('foretell.server')

local M = {}

--- How long the cursor rests before its position is sent, in ms.
local REST_MS = 150
local timer = assert(vim.uv.new_timer())
local sent = '' -- the last position, as `place()` returns it

---@param client vim.lsp.Client
---@param buf integer
---@return string
local function place(client, buf)
  local at = vim.api.nvim_win_get_cursor(0)
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  return ('%d %d %d %d %d'):format(client.id, buf, tick, at[1], at[2])
end

--- Sends the cursor's position now, unless it is the last one sent.
function M.send()
  timer:stop()
  local buf = vim.api.nvim_get_current_buf()
  local client = server.client(buf)
  if not client or not config.is_on(buf) or place(client, buf) == sent then
    return
  end
  sent = place(client, buf)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  server.call(client, 'notify', 'textDocument/didFocus', params)
end

--- Sends the cursor's position once the cursor has rested.
function M.send_at_rest()
  timer:start(REST_MS, 0, vim.schedule_wrap(M.send))
end

return M
