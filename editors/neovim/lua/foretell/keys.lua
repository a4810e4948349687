--- Keys in insert and normal mode. Without a suggestion or a next edit, each does what it did before.
local M = {}

local foretell = require('foretell')
local config = require('foretell.config')
local edit = require('foretell.edit')

---@class foretell.KeyMapping
---@field mode 'i'|'n'
---@field key string
---@field callback function  The callback of our mapping, which identifies it.
---@field previous table     The mapping before ours, as `maparg()` returns it; empty if none.

--- The mappings of the last `map()`, by action.
local mapped = {} ---@type table<string, foretell.KeyMapping>

--- The actions that are mapped in normal mode.
local NORMAL = { next_edit = true, reject_edit = true }

--- The mode in which the key of an action is mapped; nil if the settings turn the action off.
---@param action string
---@return 'i'|'n'?
function M.mode(action)
  if not NORMAL[action] then
    return 'i'
  end
  return config.current.next_edit and 'n' or nil
end

--- The `<Plug>` that acts as the key of an action without any mapping.
---@param action string
---@return string plug
local function bare_plug(action)
  return ('<Plug>(foretell-bare-%s)'):format(action)
end

--- The keys that the previous mapping of an action produces, for use in a mapping with another left
--- side. Vim does not map the first key again if it is the mapping's own left side; with another
--- left side it would, so that key is replaced by its bare `<Plug>`.
---@param action string
---@param produced string
---@return string
function M.unmapped(action, produced)
  local old = mapped[action].previous
  local keys = old.replace_keycodes == 1 and vim.keycode(produced) or produced
  for _, key in ipairs({ old.lhsraw, vim.keycode(old.lhs), old.lhsrawalt }) do
    if vim.startswith(keys, key) then
      return vim.keycode(bare_plug(action)) .. keys:sub(#key + 1)
    end
  end
  return keys
end

--- Makes `plug` do what the previous mapping of an action does.
---@param action string
---@param plug string
local function keep_previous(action, plug)
  local old, mode = mapped[action].previous, mapped[action].mode
  local new = vim.tbl_extend('force', old, { lhs = plug, lhsraw = vim.keycode(plug) })
  new.lhsrawalt = nil
  if old.noremap == 0 and old.expr == 1 then
    new.replace_keycodes = 0
    if old.callback then
      new.callback = function()
        return M.unmapped(action, old.callback() or '')
      end
    else
      new.rhs = ("v:lua.require'foretell.keys'.unmapped('%s', %s)"):format(action, old.rhs)
    end
  elseif old.noremap == 0 and not old.callback then
    local produced = vim.keycode(old.rhs)
    if M.unmapped(action, produced) ~= produced then
      new.expr, new.replace_keycodes, new.rhs = 1, 0, nil
      new.callback = function()
        return M.unmapped(action, produced)
      end
    end
  end
  vim.fn.mapset(mode, false, new)
end

--- Restores the keys of an earlier `map()`, except those with a newer mapping.
local function restore()
  for _, it in pairs(mapped) do
    for _, map in ipairs(vim.api.nvim_get_keymap(it.mode)) do
      if map.callback == it.callback then
        vim.keymap.del(it.mode, it.key)
        if not vim.tbl_isempty(it.previous) then
          vim.fn.mapset(it.mode, false, it.previous)
        end
      end
    end
  end
  mapped = {}
end

--- The global mapping of a key, as `maparg()` returns it; empty if there is none.
---@param mode 'i'|'n'
---@param lhsraw string
---@return table
local function global_mapping(mode, lhsraw)
  for _, map in ipairs(vim.api.nvim_get_keymap(mode)) do
    if map.lhsraw == lhsraw then
      return map
    end
  end
  return {}
end

--- Whether there is a next edit that an action would jump to, apply or reject.
---@param action string
---@return boolean
local function has_edit(action)
  if action == 'reject_edit' then
    return edit.is_seen()
  end
  return vim.list_contains({ 'accept', 'dismiss', 'next_edit' }, action) and edit.is_ready()
end

---@param action string
---@param mode 'i'|'n'
---@param key string
local function map_one(action, mode, key)
  local fallback = bare_plug(action)
  vim.keymap.set(mode, fallback, key)
  local previous = vim.fn.maparg(key, mode, false, true)
  if previous.buffer == 1 then
    previous = global_mapping(mode, previous.lhsraw) -- a buffer-local mapping precedes ours anyway
  end
  local command = ("<Cmd>lua require('foretell').%s()<CR>"):format(action)
  local function callback()
    if has_edit(action) then
      return command
    elseif NORMAL[action] then
      return fallback
    elseif config.current.native then
      return foretell[action]() and '' or fallback
    end
    return (action == 'trigger' or foretell.is_visible()) and command or fallback
  end
  mapped[action] = { mode = mode, key = key, callback = callback, previous = previous }
  if not vim.tbl_isempty(previous) then
    fallback = ('<Plug>(foretell-without-%s)'):format(action)
    keep_previous(action, fallback)
  end
  local desc = 'Foretell: ' .. action:gsub('_', ' ')
  vim.keymap.set(mode, key, callback, { expr = true, remap = true, desc = desc })
end

--- Maps keys, and restores those of an earlier call.
---@param keys foretell.Keys|false
function M.map(keys)
  restore()
  for action, key in pairs(keys or {}) do
    if not foretell[action] then
      error(('foretell: unknown setting %q; see :help foretell-keys'):format('keys.' .. action), 0)
    end
    local mode = M.mode(action)
    if key and mode then
      map_one(action, mode, key)
    end
  end
end

return M
