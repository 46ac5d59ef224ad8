/**
 * The command lines in messages: what a reader pastes into a shell to see the bytes of a message decoded. Implemented by the
 * core only.
 */
@Export
@Version("1.0.0")
package org.iommu4j.core.hint;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
