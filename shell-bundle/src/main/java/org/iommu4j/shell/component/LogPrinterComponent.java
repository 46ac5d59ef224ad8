package org.iommu4j.shell.component;

import java.util.Collections;
import java.util.Enumeration;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.Texts;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogListener;
import org.osgi.service.log.LogReaderService;

/** Shows errors of the framework and its bundles on standard error, one line each; everything else stays in the log. */
@Component(
        service = {},
        immediate = true)
public final class LogPrinterComponent {
    private final LogReaderService log;
    private final LogListener listener = LogPrinterComponent::print;

    /** Shows the errors so far and those to come. */
    @Activate
    public LogPrinterComponent(@Reference LogReaderService log) {
        this.log = log;
        log.addLogListener(listener);
        Enumeration<LogEntry> soFar = log.getLog();
        Collections.list(soFar).forEach(LogPrinterComponent::print);
    }

    /** Stops. */
    @Deactivate
    public void close() {
        log.removeLogListener(listener);
    }

    private static void print(LogEntry entry) {
        if (entry.getLogLevel() != LogLevel.ERROR) {
            return;
        }
        String cause = entry.getException() == null ? "" : ": " + Texts.message(entry.getException());
        String source = entry.getBundle() == null ? "" : entry.getBundle().getSymbolicName() + ": ";
        System.err.println("iommu4j: " + source + OneLine.message(entry.getMessage()) + cause);
    }
}
