// The conformance suite names fs.globSync, which Node has from version 22 on, for a command that is not used here.
// An import that is missing would end the program, so older versions are given one that finds nothing.
import { register } from "node:module";

const fs = `
  export * from "node:fs";
  export { default } from "node:fs";
  export const globSync = () => [];
`;
const hooks = `
  export const resolve = (specifier, context, next) =>
    specifier === "fs" && context.parentURL?.includes("/conformance/dist/")
      ? { url: "data:text/javascript," + ${JSON.stringify(encodeURIComponent(fs))}, shortCircuit: true }
      : next(specifier, context);
`;
if (Number(process.versions.node.split(".")[0]) < 22) {
  register("data:text/javascript," + encodeURIComponent(hooks));
}
