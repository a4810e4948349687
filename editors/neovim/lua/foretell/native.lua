--- The same keys for Neovim 0.12's own display, `vim.lsp.inline_completion`.
local text = require('foretell.text')

local M = {}

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
  vim.lsp.inline_completion.select({ count = by })
  return true
end

---@return boolean
function M.dismiss()
  local here = { bufnr = 0 }
  vim.lsp.inline_completion.enable(false, here)
  vim.lsp.inline_completion.enable(true, here)
  return true
end

return M
