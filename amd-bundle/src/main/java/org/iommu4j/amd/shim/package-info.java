/** A guest's command of one generation becomes one of another, docs/spec/amd-vi.md 1.3 and 1.4. */
package org.iommu4j.amd.shim;
