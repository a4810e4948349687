--- Completion menus and snippets, of Neovim and of plugins: they own their keys.
local M = {}

function M.is_open()
  if vim.fn.pumvisible() == 1 then
    return true
  end
  local cmp, blink = package.loaded['cmp'], package.loaded['blink.cmp']
  return (cmp and cmp.visible and cmp.visible())
    or (blink and blink.is_menu_visible and blink.is_menu_visible())
    or false
end

--- Whether a key can jump within a snippet.
function M.snippet_is_active()
  if vim.snippet.active({ direction = 1 }) then
    return true
  end
  local luasnip = package.loaded['luasnip']
  return luasnip and luasnip.locally_jumpable and luasnip.locally_jumpable(1) or false
end

return M
