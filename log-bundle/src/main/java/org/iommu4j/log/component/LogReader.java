package org.iommu4j.log.component;

import java.util.Enumeration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogListener;
import org.osgi.service.log.LogReaderService;

/** The log reader as one bundle has it: its listeners end with it. */
final class LogReader implements LogReaderService {
    private final LogBook book;
    private final List<LogListener> listeners = new CopyOnWriteArrayList<>();

    LogReader(LogBook book) {
        this.book = book;
    }

    @Override
    public void addLogListener(LogListener listener) {
        listeners.add(listener);
        book.listen(listener);
    }

    @Override
    public void removeLogListener(LogListener listener) {
        listeners.remove(listener);
        book.unlisten(listener);
    }

    @Override
    public Enumeration<LogEntry> getLog() {
        return book.kept();
    }

    void close() {
        listeners.forEach(book::unlisten);
    }
}
