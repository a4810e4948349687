--- Why nothing is shown, in a sentence for the user.
local config = require('foretell.config')
local ghost = require('foretell.ghost')
local server = require('foretell.server')

local M = {}

--- Why no server is attached to a buffer.
---@param buf integer
---@return string
local function why_detached(buf)
  local option = vim.bo[buf]
  if option.buftype ~= '' then
    return ("This buffer is not a file ('buftype' is %q)."):format(option.buftype)
  elseif option.filetype == '' then
    return "This buffer has no 'filetype', so no server is attached."
  elseif not config.covers(buf) then
    return ('The setting `filetypes` turns %s off.'):format(option.filetype)
  end
  return 'No server is attached to this buffer; `:checkhealth foretell` looks for the cause.'
end

---@return string? sentence nil if nothing is off
local function why_off()
  if vim.g.foretell == false then
    return 'Suggestions are off; `:Foretell on` turns them on.'
  elseif vim.b.foretell == false then
    return 'Suggestions are off in this buffer; `:Foretell on buffer` turns them on.'
  end
end

--- Why no suggestion is visible, or the server's reason for the last empty response.
---@return string sentence
function M.sentence()
  local status = server.status
  local off = why_off()
  if off then
    return off
  elseif status.state == 'failed' then
    return ('The server failed: %s'):format(status.message or 'see `:Foretell log`')
  elseif not server.client(vim.api.nvim_get_current_buf()) then
    return why_detached(vim.api.nvim_get_current_buf())
  elseif status.state == 'loading' then
    return 'The model is loading.'
  elseif status.state == 'off' then
    return 'The setting `suggest.enabled` turns suggestions off.'
  end
  local note = ghost.note()
  if note then
    return note
  elseif status.reason then
    return ('Nothing was suggested. %s'):format(status.message or status.reason)
  end
  return status.message or 'Ready.'
end

return M
