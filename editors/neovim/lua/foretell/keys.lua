--- Keys in insert mode. Each does what it did before where there is no suggestion.
local M = {}

local foretell = require('foretell')
local config = require('foretell.config')

---@class foretell.Mapped
---@field key string
---@field ours function
---@field old table          what was there before, as `maparg()` has it; empty where nothing was

--- What the last `map` has mapped.
local mapped = {} ---@type table<string, foretell.Mapped> by the name of what the key does

---@param name string
---@return string plug the key as if nothing mapped it
local function bare(name)
  return ('<Plug>(foretell-bare-%s)'):format(name)
end

--- What an old mapping gives, from under another name. Vim does not map its first key again where
--- that is the mapped key itself; under the other name that falls to us.
---@param name string
---@param given string
---@return string
function M.unmapped(name, given)
  local old = mapped[name].old
  local keys = old.replace_keycodes == 1 and vim.keycode(given) or given
  for _, key in ipairs({ old.lhsraw, vim.keycode(old.lhs), old.lhsrawalt }) do
    if vim.startswith(keys, key) then
      return vim.keycode(bare(name)) .. keys:sub(#key + 1)
    end
  end
  return keys
end

--- Lets `plug` do what a mapping does.
---@param name string
---@param plug string
local function keep(name, plug)
  local old = mapped[name].old
  local new = vim.tbl_extend('force', old, { lhs = plug, lhsraw = vim.keycode(plug) })
  new.lhsrawalt = nil
  if old.noremap == 0 and old.expr == 1 then
    new.replace_keycodes = 0
    if old.callback then
      new.callback = function()
        return M.unmapped(name, old.callback() or '')
      end
    else
      new.rhs = ("v:lua.require'foretell.keys'.unmapped('%s', %s)"):format(name, old.rhs)
    end
  elseif old.noremap == 0 and not old.callback then
    local given = vim.keycode(old.rhs)
    if M.unmapped(name, given) ~= given then
      new.expr, new.replace_keycodes, new.rhs = 1, 0, nil
      new.callback = function()
        return M.unmapped(name, given)
      end
    end
  end
  vim.fn.mapset('i', false, new)
end

--- Gives the keys of an earlier `map` back, but for those that someone else has mapped since.
local function give_back()
  for _, map in ipairs(vim.api.nvim_get_keymap('i')) do
    for _, it in pairs(mapped) do
      if map.callback == it.ours then
        vim.keymap.del('i', it.key)
        if not vim.tbl_isempty(it.old) then
          vim.fn.mapset('i', false, it.old)
        end
      end
    end
  end
  mapped = {}
end

--- The mapping of a key for all buffers, as `maparg()` has it; empty where there is none.
---@param lhsraw string
---@return table
local function global(lhsraw)
  for _, map in ipairs(vim.api.nvim_get_keymap('i')) do
    if map.lhsraw == lhsraw then
      return map
    end
  end
  return {}
end

---@param name string
---@param key string
local function map_one(name, key)
  local without = bare(name)
  vim.keymap.set('i', without, key)
  local old = vim.fn.maparg(key, 'i', false, true)
  if old.buffer == 1 then
    old = global(old.lhsraw) -- the buffer's own is before ours anyway
  end
  local command = ("<Cmd>lua require('foretell').%s()<CR>"):format(name)
  local function ours()
    if config.current.native then
      return foretell[name]() and '' or without
    end
    return (name == 'trigger' or foretell.is_visible()) and command or without
  end
  mapped[name] = { key = key, ours = ours, old = old }
  if not vim.tbl_isempty(old) then
    without = ('<Plug>(foretell-without-%s)'):format(name)
    keep(name, without)
  end
  local desc = 'Foretell: ' .. name:gsub('_', ' ')
  vim.keymap.set('i', key, ours, { expr = true, remap = true, desc = desc })
end

--- Maps these keys, and those of an earlier call no more.
---@param keys foretell.Keys|false
function M.map(keys)
  give_back()
  for name, key in pairs(keys or {}) do
    if not foretell[name] then
      error(('foretell: no key %q; see :help foretell-keys'):format(name), 0)
    end
    if key then
      map_one(name, key)
    end
  end
end

return M
