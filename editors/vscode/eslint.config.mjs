import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'scripts', 'eslint.config.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { project: './tsconfig.json' } } },
);
