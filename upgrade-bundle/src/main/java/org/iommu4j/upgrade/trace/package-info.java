/** Captures made of an emulator's own trace and of an image of its memory. */
package org.iommu4j.upgrade.trace;
