--- The functions of `foretell.ghost` for Neovim 0.12's own display, `vim.lsp.inline_completion`.
local config = require('foretell.config')
local text = require('foretell.text')

local M = {}

--- Neovim's display of a buffer. It is private: if a later Neovim moves it, the result is nil and
--- the keys that need it do what they did without the plugin.
---@param buf integer
---@return table? completor
local function completor(buf)
  local ok, capability = pcall(require, 'vim.lsp._capability')
  buf = buf == 0 and vim.api.nvim_get_current_buf() or buf
  return ok and vim.tbl_get(capability, 'all', 'inline_completion', 'active', buf) or nil
end

--- The item on screen; nil if there is none.
---@return table?
function M.visible()
  local it = completor(0)
  return it and it.current
end

---@param part? 'word'|'line'
---@return boolean
function M.accept(part)
  return vim.lsp.inline_completion.get({
    on_accept = part and function(item)
      local from = part == 'word' and text.first_word or text.first_line
      item.insert_text = from(item.insert_text)
      item.command = nil -- would report the whole item as accepted
      return item
    end,
  })
end

---@param step integer
---@return boolean
function M.cycle(step)
  if not M.visible() then
    return false
  end
  vim.lsp.inline_completion.select({ count = step })
  return true
end

---@return boolean
function M.dismiss()
  if not M.visible() then
    return false
  end
  completor(0):abort()
  return true
end

---@return boolean
function M.trigger()
  local it = completor(0)
  if not it then
    return false
  end
  it:request(vim.lsp.protocol.InlineCompletionTriggerKind.Invoked)
  return true
end

--- Turns Neovim's display on or off in a buffer, following `vim.g.foretell` and `vim.b.foretell`.
---@param buf integer
function M.follow(buf)
  if not vim.b[buf].foretell_attached then
    return
  end
  local is_on, it = config.is_on(buf), completor(buf)
  if it and not is_on then
    it:abort() -- disabled, it cannot handle a pending response
  end
  vim.lsp.inline_completion.enable(is_on, { bufnr = buf })
end

return M
