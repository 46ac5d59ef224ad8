package org.iommu4j.log.component;

import java.time.Clock;
import java.util.Locale;
import org.osgi.annotation.bundle.Capability;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleListener;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;
import org.osgi.framework.ServiceFactory;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogReaderService;
import org.osgi.service.log.LogService;
import org.osgi.service.log.LoggerFactory;

/**
 * Offers the log service and its reader, and logs what the framework says. The framework property {@value #LEVEL} tells
 * the least important level that is kept, WARN if it is missing, as the OSGi specification has it (Core R8, 101.5). Nothing can
 * be configured afterwards: there is no LoggerAdmin.
 */
@Capability(
        namespace = "osgi.service",
        attribute = "objectClass:List<String>='org.osgi.service.log.LogService,org.osgi.service.log.LoggerFactory'")
@Capability(namespace = "osgi.service", attribute = "objectClass:List<String>='org.osgi.service.log.LogReaderService'")
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class LogActivator implements BundleActivator {
    static final String LEVEL = "org.osgi.service.log.admin.loglevel";

    private LogBook book;
    private FrameworkListener frameworkEvents;
    private BundleListener bundleEvents;

    @Override
    public void start(BundleContext context) {
        LogBook log = new LogBook(Clock.systemUTC(), level(context.getProperty(LEVEL)));
        book = log;
        frameworkEvents = event -> framework(log, event);
        bundleEvents = event -> bundle(log, event);
        context.addFrameworkListener(frameworkEvents);
        context.addBundleListener(bundleEvents);
        context.registerService(
                new String[] {LogService.class.getName(), LoggerFactory.class.getName()}, services(log), null);
        context.registerService(LogReaderService.class, readers(log), null);
    }

    @Override
    public void stop(BundleContext context) {
        context.removeBundleListener(bundleEvents);
        context.removeFrameworkListener(frameworkEvents);
        book.close();
    }

    static LogLevel level(String name) {
        for (LogLevel level : LogLevel.values()) {
            if (level.name().equals(String.valueOf(name).toUpperCase(Locale.ROOT))) {
                return level;
            }
        }
        return LogLevel.WARN;
    }

    private static ServiceFactory<LogService> services(LogBook log) {
        return new ServiceFactory<>() {
            @Override
            public LogService getService(Bundle bundle, ServiceRegistration<LogService> registration) {
                return new BundleLog(log, bundle);
            }

            @Override
            public void ungetService(Bundle bundle, ServiceRegistration<LogService> registration, LogService service) {
                // Nothing is kept for a bundle.
            }
        };
    }

    private static ServiceFactory<LogReaderService> readers(LogBook log) {
        return new ServiceFactory<>() {
            @Override
            public LogReaderService getService(Bundle bundle, ServiceRegistration<LogReaderService> registration) {
                return new LogReader(log);
            }

            @Override
            public void ungetService(
                    Bundle bundle, ServiceRegistration<LogReaderService> registration, LogReaderService service) {
                ((LogReader) service).close();
            }
        };
    }

    private static void framework(LogBook log, FrameworkEvent event) {
        LogLevel level = switch (event.getType()) {
            case FrameworkEvent.ERROR -> LogLevel.ERROR;
            case FrameworkEvent.WARNING -> LogLevel.WARN;
            default -> LogLevel.DEBUG;
        };
        log.add(
                "Events.Framework",
                event.getBundle(),
                null,
                level,
                "FrameworkEvent " + (level == LogLevel.DEBUG ? event.getType() : level),
                event.getThrowable());
    }

    private static void bundle(LogBook log, BundleEvent event) {
        String what = switch (event.getType()) {
            case BundleEvent.INSTALLED -> "installed";
            case BundleEvent.STARTED -> "started";
            case BundleEvent.STOPPED -> "stopped";
            case BundleEvent.UPDATED -> "updated";
            case BundleEvent.UNINSTALLED -> "uninstalled";
            default -> "";
        };
        if (!what.isEmpty()) {
            Bundle bundle = event.getBundle();
            String text = bundle.getSymbolicName() + " " + bundle.getVersion() + " " + what;
            log.add("Events.Bundle", bundle, null, LogLevel.INFO, text, null);
        }
    }
}
