// AsyncAPI's own parser reads the published document, with everything it refers to. Ends with an error at the first fault.
//
//   node asyncapi.cjs FOLDER_OF_TOOLS DOCUMENT
const { createRequire } = require("node:module");

const [tools, file] = process.argv.slice(2);
const { Parser, fromFile } = createRequire(`${tools}/`)("@asyncapi/parser");

// A newer version of the specification is no fault.
const TOLERATED = ["asyncapi-latest-version"];

fromFile(new Parser(), file)
  .parse()
  .then(({ document, diagnostics }) => {
    const faults = diagnostics.filter((diagnostic) => !TOLERATED.includes(diagnostic.code));
    for (const fault of faults) console.error(`${fault.path.join(".")}: ${fault.message}`);
    if (!document || faults.length > 0) process.exit(1);
    const operations = document.operations().all().map((operation) => operation.id());
    const messages = document.allMessages().all().map((message) => message.id());
    console.log(JSON.stringify({ version: document.version(), operations, messages }));
  });
