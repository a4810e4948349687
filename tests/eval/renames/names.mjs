// The names of TypeScript and JavaScript files, as the TypeScript compiler renames them.
// Usage: node names.mjs FILE…; TYPESCRIPT is the folder of the package `typescript`.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const ts = createRequire(import.meta.url)(process.env.TYPESCRIPT);

function kindOf(node) {
  const { parent } = node;
  if (ts.isParameter(parent) && ts.isFunctionLike(parent.parent)) {
    return parent.parent.body && !parent.modifiers && "parameter";
  }
  const isLocal = (it) => ts.findAncestor(it, (at) => ts.isFunctionLike(at));
  if (ts.isVariableDeclaration(parent)) return isLocal(parent) ? "local" : undefined;
  if (ts.isFunctionDeclaration(parent)) return "function";
  if (ts.isPropertyDeclaration(parent) || ts.isMethodDeclaration(parent)) {
    return ts.isClassLike(parent.parent) ? "field" : undefined;
  }
  return undefined;
}

for (const argument of process.argv.slice(2)) {
  const file = path.resolve(argument);
  const options = { allowJs: true, checkJs: false, noResolve: true, noLib: true };
  const text = fs.readFileSync(file, "utf8");
  const host = {
    getScriptFileNames: () => [file],
    getScriptVersion: () => "1",
    getScriptSnapshot: (it) =>
      it === file ? ts.ScriptSnapshot.fromString(text) : undefined,
    getCurrentDirectory: () => path.dirname(file),
    getCompilationSettings: () => options,
    getDefaultLibFileName: () => "lib.d.ts",
    fileExists: (it) => it === file,
    readFile: (it) => (it === file ? text : undefined),
  };
  const service = ts.createLanguageService(host);
  const source = service.getProgram().getSourceFile(file);
  const bytes = (at) => Buffer.byteLength(text.slice(0, at));
  const visit = (node) => {
    const kind = ts.isIdentifier(node) && node.parent.name === node && kindOf(node);
    if (kind) {
      const found = service.findRenameLocations(file, node.getStart(source), false, false, {
        providePrefixAndSuffixTextForRename: true,
      });
      const places = (found ?? []).map(({ textSpan, prefixText = "", suffixText = "" }) => [
        bytes(textSpan.start), prefixText, suffixText,
      ]);
      const at = bytes(node.getStart(source));
      console.log(JSON.stringify({ file: argument, kind, name: node.text, at, places }));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}
