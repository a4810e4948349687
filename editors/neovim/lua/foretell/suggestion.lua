--- The suggestion on screen, whichever module displays it.
local config = require('foretell.config')

local M = {}

--- The module that displays suggestions.
---@return table `foretell.ghost`, or `foretell.native` for Neovim's own display
function M.display()
  return require(config.current.native and 'foretell.native' or 'foretell.ghost')
end

---@return boolean
function M.is_visible()
  return M.display().visible() ~= nil
end

--- Removes the suggestion, and requests none before the next key. Neovim's own display requests
--- suggestions itself.
function M.wait_for_key()
  if not config.current.native then
    M.display().wait_for_key()
  end
end

return M
