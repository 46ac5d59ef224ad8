/**
 * The contract between the core and a vendor's bundle. A vendor implements {@link org.iommu4j.backend.Backend},
 * {@link org.iommu4j.backend.Translator}, {@link org.iommu4j.backend.Hardware},
 * {@link org.iommu4j.backend.GuestDecoder} and {@link org.iommu4j.backend.Shim}; they are consumer types, so that a
 * vendor's bundle keeps resolving when a default method is added. Memory, interrupts and time come in through
 * {@link org.iommu4j.backend.Platform}.
 *
 * <p>A translator and a chip never call each other. They meet in bytes: in memory, in registers, and, where a model has
 * no register block, in hypercalls and instructions ({@link org.iommu4j.backend.NativeCall}).
 *
 * <p>Threads: the core calls a unit's translator and chip from one thread at a time,
 * and no call should stay inside for long, since everybody else waits. What takes long is done in pieces: see
 * {@link org.iommu4j.backend.Translator#invalidate}.
 */
@Export
@Version("1.4.0")
package org.iommu4j.backend;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
