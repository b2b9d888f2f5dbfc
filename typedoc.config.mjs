import { katex } from "@mdit/plugin-katex";

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  name: "provably",
  out: "docs/site",
  readme: "README.md",
  entryPointStrategy: "packages",
  entryPoints: ["packages/*"],
  packageOptions: {
    entryPointStrategy: "resolve",
    includeVersion: true,
    excludeInternal: true,
    excludePrivate: true,
    sort: ["source-order"],
    categorizeByGroup: false,
    validation: { notExported: true, invalidLink: true, notDocumented: true },
    requiredToBeDocumented: ["Function", "Interface", "TypeAlias", "Class", "Variable"],
    disableGit: true,
    // replaced by links into the site
    sourceLinkTemplate: "{path}",
  },
  projectDocuments: ["docs/guides/*.md", "docs/adr/*.md"],
  plugin: ["./docs/typedoc-plugin.mjs", "typedoc-plugin-mdn-links"],
  markdownItLoader: (parser) => {
    parser.use(katex, { throwOnError: true, output: "htmlAndMathml" });
  },
  customCss: "docs/site.css",
  customJs: "docs/site.js",
  navigation: { includeCategories: true, includeGroups: false, compactFolders: false },
};
