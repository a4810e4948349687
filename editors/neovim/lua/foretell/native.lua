--- The same keys for Neovim 0.12's own display, `vim.lsp.inline_completion`.
local config = require('foretell.config')
local text = require('foretell.text')

local M = {}

--- What shows in a buffer. Neovim keeps it to itself; where a later one keeps it elsewhere, the
--- keys that need it do what they did without us.
---@param buf integer
---@return table? completor
local function completor(buf)
  local ok, capability = pcall(require, 'vim.lsp._capability')
  buf = buf == 0 and vim.api.nvim_get_current_buf() or buf
  return ok and vim.tbl_get(capability, 'all', 'inline_completion', 'active', buf) or nil
end

--- The item on the screen; nil if none is.
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
      item.command = nil -- it says that all was taken
      return item
    end,
  })
end

---@param by integer
---@return boolean
function M.cycle(by)
  if not M.visible() then
    return false
  end
  vim.lsp.inline_completion.select({ count = by })
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

--- Lets Neovim show suggestions in a buffer, or not, as the user has switched it.
---@param buf integer
function M.follow(buf)
  if not vim.b[buf].foretell_attached then
    return
  end
  local on, it = config.is_on(buf), completor(buf)
  if it and not on then
    it:abort() -- it could not take in an answer that is under way
  end
  vim.lsp.inline_completion.enable(on, { bufnr = buf })
end

return M
