--- Keys in insert mode. Each does what it did before where there is no suggestion.
local M = {}

local foretell = require('foretell')
local config = require('foretell.config')

--- Keys that were mapped by an earlier `map`.
local mapped = {} ---@type table<string, true>

--- Lets `plug` do what `key` does now.
---@param key string
---@param plug string
local function keep(key, plug)
  local old = vim.fn.maparg(key, 'i', false, true)
  if vim.tbl_isempty(old) or old.buffer == 1 then
    vim.keymap.set('i', plug, key)
  else
    old.lhs, old.lhsraw, old.lhsrawalt = plug, vim.keycode(plug), nil
    vim.fn.mapset('i', false, old)
  end
end

---@param keys foretell.Keys|false
function M.map(keys)
  for name, key in pairs(keys or {}) do
    local action = foretell[name]
    if not action then
      error(('foretell: no key %q; see :help foretell-keys'):format(name), 0)
    end
    if key then
      local plug = ('<Plug>(foretell-without-%s)'):format(name)
      if not mapped[key] then
        keep(key, plug)
        mapped[key] = true
      end
      local command = ("<Cmd>lua require('foretell').%s()<CR>"):format(name)
      vim.keymap.set('i', key, function()
        if config.current.native and name ~= 'trigger' then
          return action() and '' or plug
        end
        return (name == 'trigger' or foretell.is_visible()) and command or plug
      end, { expr = true, remap = true, desc = 'Foretell: ' .. name:gsub('_', ' ') })
    end
  end
end

return M
