/**
 * The producer of a command queue in memory: room for the command that completes the others, wrapping, waiting, errors, and a queue
 * that does not go on. Styles differ by data: {@link org.iommu4j.driver.queue.RingFormat} and
 * {@link org.iommu4j.driver.queue.CompletionCommand}.
 */
@Export
@Version("1.1.0")
package org.iommu4j.driver.queue;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
