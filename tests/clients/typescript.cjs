// Generates TypeScript from schemas as a client's author would, and has its compiler judge the published examples.
//
//   node typescript.cjs FOLDER_OF_TOOLS FOLDER < [{"eventType": …, "typeName": …, "schema": …}, …]
//
// Each type must have the name that its message gives it, take the example, and not take an object without its members.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const [tools, folder] = process.argv.slice(2);
const { compile } = createRequire(`${tools}/`)("json-schema-to-typescript");

async function generate({ eventType, typeName, schema }) {
  const text = await compile(structuredClone(schema), eventType);
  fs.writeFileSync(path.join(folder, `${eventType}.ts`), text);
  const lines = [`import type { ${typeName} } from "./${eventType}";`];
  const [example] = schema.examples;
  lines.push(`export const ${typeName}Example: ${typeName} = ${JSON.stringify(example)};`);
  if ((schema.required ?? []).length > 0) {
    lines.push("// @ts-expect-error members are required", `export const ${typeName}Empty: ${typeName} = {};`);
  }
  return lines.join("\n");
}

(async () => {
  const messages = JSON.parse(fs.readFileSync(0, "utf8"));
  const uses = await Promise.all(messages.map(generate));
  fs.writeFileSync(path.join(folder, "uses.ts"), `${uses.join("\n")}\n`);
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"];
  const compiler = path.join(tools, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, ...options, "uses.ts"], { cwd: folder, stdio: "inherit" });
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
