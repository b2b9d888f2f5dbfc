import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: [
      "**/dist",
      "**/node_modules",
      "docs/site",
      "examples/tour/out",
      ".cache",
      "packages/core-tensor/assembly",
      "packages/core-tensor/src/exec/wasm/binaries",
    ],
  },
  js.configs.recommended,
  {
    files: ["packages/*/src/**/*.ts", "packages/*/test/**/*.ts", "scripts/testing/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // numeric loops read typed arrays, where noUncheckedIndexedAccess asks for it
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // `x !== x` is the test for NaN in hot loops
      "no-self-compare": "off",
      // constants of approximations are written with all published digits
      "no-loss-of-precision": "off",
      // records of pure functions: nothing here uses `this`
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-misused-spread": "off",
      // seedrandom/lib/alea.js has no types of its own
      "@typescript-eslint/triple-slash-reference": ["error", { path: "always" }],
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // documented callers in plain JavaScript may still pass what the types forbid
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/unified-signatures": "off",
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/prefer-literal-enum-member": "off",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
    },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        performance: "readonly",
        URL: "readonly",
        AbortController: "readonly",
        TextEncoder: "readonly",
        Buffer: "readonly",
        setTimeout: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        structuredClone: "readonly",
        WebAssembly: "readonly",
      },
    },
  },
  {
    files: ["docs/playground/**/*.mjs", "docs/site.js"],
    languageOptions: {
      globals: {
        document: "readonly",
        self: "readonly",
        location: "readonly",
        history: "readonly",
        addEventListener: "readonly",
        Worker: "readonly",
        URLSearchParams: "readonly",
        clearTimeout: "readonly",
        fetch: "readonly",
        MutationObserver: "readonly",
      },
    },
  },
);
